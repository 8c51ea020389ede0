"""Stage 1 on the pocket world: the subject-encoder of the pocket model, with or without ControlNets.

The paper conditions on a depth map. In this world, depth also shows the hat and the width of the trunk, which belong to
the identity: with depth in every step, the encoder need not learn them. Most steps therefore condition on the skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPModel, CLIPVisionModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.denoiser import UNetDenoiser
from dreamtuner.families.unet.load import read_controlnet, read_pipeline, read_unet
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.families.unet.training_attention import WrittenOutAttention
from dreamtuner.models.layouts import Kind, part_of
from dreamtuner.pocket.training.autoencoder import load_latents, scaling_factor
from dreamtuner.pocket.training.loss_weights import load_emphasis
from dreamtuner.pocket.training.shards import Shards, load_layouts, load_shards, shard_files
from dreamtuner.pocket.training.text import encode_captions
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.pocket.world.captions import caption
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.train.encoder.normalise import Normalise
from dreamtuner.train.encoder.stage import EncoderStage, Examples, Frozen, chunks
from dreamtuner.train.stage import place
from dreamtuner.train.state import load_ema

WIDTH = 96
WITHOUT_LAYOUT = "subject_encoder-without-layout"
"""The folder of the ablation's encoder, next to that of the weights."""
LAYOUTS: dict[Kind, float] = {"depth": 0.2, "pose": 0.8}  # share of steps that condition on each


def new_encoder(unet: object, vision: object) -> SubjectEncoder:
    """Build an untrained subject-encoder for the pocket model: width 96, two residual blocks."""
    encoder: SubjectEncoder = SubjectEncoder.for_unet(unet, vision, width=WIDTH, resblocks=2)
    return encoder


@dataclass(frozen=True)
class EncoderFactory:
    """Builds the stage in a worker, on the finished ``weights``; ``controlnet`` False is the ablation.

    ``batch``: images of a step, of all processes; ``at_once``: of a process at once. ``start`` is the folder of a
    subject-encoder to continue from.
    """

    weights: Path
    data: Path
    shards: int
    latents: Path
    batch: int
    controlnet: bool = True
    start: Path | None = None
    views: int = 0
    at_once: int | None = None

    def build(self, device: torch.device) -> EncoderStage:
        pipe = read_pipeline(self.weights)
        kinds = tuple(LAYOUTS) if self.controlnet else ()
        controlnets = {kind: read_controlnet(self.weights / part_of(kind)) for kind in kinds}
        vision: CLIPVisionModel = CLIPModel.from_pretrained(self.weights / "tower").vision_model
        processor = CLIPImageProcessorPil.from_pretrained(self.weights / "tower", local_files_only=True)
        for model in (pipe.unet, *controlnets.values()):
            model.set_attn_processor(WrittenOutAttention())
        for model in (pipe.unet, pipe.text_encoder, vision, *controlnets.values()):
            place(model.requires_grad_(False).eval(), device)
        encoder = new_encoder(pipe.unet, vision)
        if self.start is not None:
            start_from(encoder, SubjectEncoder.from_pretrained(self.start), self.start)
        place(encoder, device)
        frozen = Frozen(
            UNetDenoiser(pipe.unet, controlnets=controlnets, encoder=encoder),
            lambda captions: TextStates(encode_captions(pipe.tokenizer, pipe.text_encoder, captions, device)),
            vision,
            Normalise.of(processor),
            pipe.scheduler,
        )
        shards = load_shards(self.data, self.shards, self.views)
        latents = load_latents(self.latents)
        files = shard_files(self.data, self.shards, self.views)
        emphasis = load_emphasis(files, shards.pictures, SIZE // latents.shape[-1])
        layouts = {kind: torch.from_numpy(load_layouts(self.data, self.shards, kind, self.views)) for kind in kinds}
        images = RenderedImages(shards, latents, layouts, emphasis, self.batch, self.at_once or self.batch, device)
        return EncoderStage(encoder, frozen, images)


class RenderedImages:
    """Rendered images in memory as the source of stage 1: random rows, one kind of control image per step."""

    def __init__(
        self,
        shards: Shards,
        latents: Tensor,
        layouts: dict[Kind, Tensor],
        emphasis: Tensor,
        batch: int,
        at_once: int,
        device: torch.device,
    ) -> None:
        self._pictures, self._latents, self._layouts, self._emphasis = shards.pictures, latents, layouts, emphasis
        self._images, self._masks = torch.from_numpy(shards.images), torch.from_numpy(shards.masks)
        self._scale, self._at_once, self._device = scaling_factor(latents), at_once, device
        self.batch, self.numbers = batch, latents[0].numel()

    def parts(self, step: int, rows: range) -> list[Sequence[int]]:
        return chunks(rows, self._at_once)

    def draw(self, step: int, rows: Sequence[int], generator: torch.Generator) -> Examples:
        chosen = torch.randint(len(self._images), (self.batch,), generator=generator)[list(rows)]
        mask = self._masks[chosen].unsqueeze(1).float().div(255)
        alone = self._images[chosen].permute(0, 3, 1, 2).float().div(255) * mask + (1 - mask)
        layout = None
        if self._layouts:
            kinds = list(self._layouts)
            which = kinds[int(torch.multinomial(torch.tensor([LAYOUTS[one] for one in kinds]), 1, generator=generator))]
            shown = self._layouts[which][chosen].permute(0, 3, 1, 2).float().div(255).expand(-1, 3, -1, -1)
            layout = which, shown.to(self._device)
        return Examples(
            alone.to(self._device),
            self._latents[chosen].float().mul(self._scale).to(self._device),
            [caption(p.identity, p.context) for p in (self._pictures[int(i)] for i in chosen)],
            layout,
            self._emphasis[chosen].float().to(self._device),
        )


def export_encoder(trained: Path, weights: Path, out: Path) -> None:
    """Write the averaged weights of the training in ``trained`` to ``out``: fp16 safetensors with their config."""
    unet = read_unet(weights / "unet")
    vision = CLIPModel.from_pretrained(weights / "tower").vision_model
    encoder = new_encoder(unet, vision)
    load_ema(trained, encoder)
    encoder.half().save_pretrained(out, safe_serialization=True)
