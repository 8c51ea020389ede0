"""Trains the ControlNets, depth and pose, on the frozen U-Net."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreamtuner.families.unet import build
from dreamtuner.families.unet.load import read_controlnet
from dreamtuner.families.unet.training_attention import WrittenOutAttention
from dreamtuner.models.layouts import Kind
from dreamtuner.pocket.training.autoencoder import load_latents, scaling_factor
from dreamtuner.pocket.training.loss_weights import load_emphasis
from dreamtuner.pocket.training.shards import Picture, load_layer, load_truth, shard_file, shard_files
from dreamtuner.pocket.training.text import encode_captions
from dreamtuner.pocket.training.unet import DROP_CAPTION, PAIRS, Pairs, TextConditionedUNet, new_scheduler
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.pocket.world.captions import sample_caption, sample_pair_caption
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.pocket.world.together import Cast
from dreamtuner.train.diffusion import FLOOR, diffusion_loss
from dreamtuner.train.stage import place
from dreamtuner.train.state import load_ema

POSE_UNSAID = 0.5  # share of captions without the pose, which only the control image then shows


def new_controlnet() -> Any:
    """Build an untrained ControlNet for the pocket U-Net: attention at 16 x 16 and 8 x 8, 1.7 M parameters."""
    return build.new_controlnet(
        in_channels=8,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        mid_block_type="UNetMidBlock2D",
        cross_attention_dim=128,
        attention_head_dim=(2, 3, 4),  # diffusers counts heads here, as in the U-Net
        norm_num_groups=16,
        conditioning_embedding_out_channels=(16, 32, 64),
    )


def begin_from_unet(controlnet: Any, unet: Any) -> None:
    """Initialise the ControlNet with the U-Net's down and middle blocks."""
    found = unet.state_dict()
    controlnet.load_state_dict(
        {**controlnet.state_dict(), **{k: found[k] for k in controlnet.state_dict() if k in found}}
    )


class LayoutStage:
    """Training of the ControlNet of one kind; the U-Net and its text encoder are frozen."""

    def __init__(
        self,
        trained: Path,
        latents: Tensor,
        pictures: list[Picture],
        layouts: Tensor,
        emphasis: Tensor,
        batch: int,
        device: torch.device,
        start: Path | None,
        pairs: Pairs | None = None,
        pair_layouts: Tensor | None = None,
    ) -> None:
        self.base = TextConditionedUNet()
        load_ema(trained, self.base)
        place(self.base.requires_grad_(False).eval(), device)
        self.model = self.learns = new_controlnet()
        begin_from_unet(self.model, self.base.unet)
        if start is not None:
            start_from(self.model, read_controlnet(start), start)
        for model in (self.base.unet, self.model):
            model.set_attn_processor(WrittenOutAttention())
        place(self.model, device)
        self.scale = scaling_factor(latents)
        self.latents, self.pictures, self.layouts, self.emphasis = latents, pictures, layouts, emphasis
        self.batch, self.device = batch, device
        self.scheduler = new_scheduler()
        self.pairs, self.pair_layouts = pairs, pair_layouts

    def _sample(self, rng: random.Random) -> tuple[Tensor, Tensor, Tensor, list[str]]:
        """Sample latents, loss weights, control images and captions; with pairs, a share of them shows two subjects."""
        pairs, layouts = self.pairs, self.pair_layouts
        doubles = 0 if pairs is None else sum(rng.random() < PAIRS for _ in range(self.batch))
        rows = [rng.randrange(len(self.pictures)) for _ in range(self.batch - doubles)]
        captions = [self._caption(rng, self.pictures[i]) for i in rows]
        found = self.latents[rows].float(), self.emphasis[rows].float(), self.layouts[rows]
        if pairs is None or layouts is None:
            return *found, captions
        rows = [rng.randrange(len(pairs.truth)) for _ in range(doubles)]
        captions += [self._pair_caption(rng, pairs.cast(i)) for i in rows]
        more = pairs.latents[rows].float(), pairs.maps[rows, :1].float(), layouts[rows]
        latents, emphasis, layout = (torch.cat(both) for both in zip(found, more, strict=True))
        return latents, emphasis, layout, captions

    def _pair_caption(self, rng: random.Random, cast: Cast) -> str:
        if rng.random() < DROP_CAPTION:
            return ""
        text, scene = sample_pair_caption(rng, cast), cast[0][1].scene
        return text.partition(scene)[0] + scene if rng.random() < POSE_UNSAID else text

    def _caption(self, rng: random.Random, picture: Picture) -> str:
        if rng.random() < DROP_CAPTION:
            return ""
        text = sample_caption(rng, picture.identity, picture.context)
        return text.replace(f", {picture.context.pose}", "", 1) if rng.random() < POSE_UNSAID else text

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        rng = random.Random(int(torch.randint(2**31, (1,), generator=generator)))
        latents, emphasis, layouts, captions = self._sample(rng)
        c = encode_captions(self.base.tokenizer, self.base.text_encoder, captions, self.device)
        layout = layouts.permute(0, 3, 1, 2).float().div(255).expand(-1, 3, -1, -1).to(self.device)
        x0 = latents.mul(self.scale).to(self.device)

        def predict(x_t: Tensor, t: Tensor) -> Tensor:
            down, mid = self.model(x_t, t, c, layout, return_dict=False)
            v: Tensor = self.base.unet(
                x_t, t, c, down_block_additional_residuals=down, mid_block_additional_residual=mid
            ).sample
            return v

        loss, mse = diffusion_loss(
            predict, x0, self.scheduler, generator, floor=FLOOR, emphasis=emphasis.to(self.device)
        )
        return loss, {"mse": mse}


@dataclass(frozen=True)
class LayoutFactory:
    """Builds the stage in a worker: ``trained`` is the U-Net's training folder, all else is as for the U-Net.

    ``start`` is the folder of a ControlNet to continue from.
    """

    kind: Kind
    trained: Path
    data: Path
    shards: int
    latents: Path
    batch: int
    start: Path | None = None
    views: int = 0
    pairs: int = 0
    pair_latents: Path | None = None

    def build(self, device: torch.device) -> LayoutStage:
        latents = load_latents(self.latents)
        files = shard_files(self.data, self.shards, self.views)
        layouts = torch.from_numpy(load_layer(files, self.kind))
        pictures = load_truth(self.data, self.shards, self.views)
        emphasis = load_emphasis(files, pictures, SIZE // latents.shape[-1])
        pairs = pair_layouts = None
        if self.pair_latents is not None:
            pairs = Pairs.load(self.data, self.pairs, self.pair_latents)
            doubles = [shard_file(self.data, i, "pairs") for i in range(self.pairs)]
            pair_layouts = torch.from_numpy(load_layer(doubles, self.kind))
        return LayoutStage(
            self.trained, latents, pictures, layouts, emphasis, self.batch, device, self.start, pairs, pair_layouts
        )
