"""Stage 1 on the pocket world: the subject-encoder of the pocket model, with or without ControlNets.

The paper conditions on a depth map. In this world, depth also shows the hat and the width of the trunk, which belong to
the identity: with depth in every step, the encoder need not learn them. Most steps therefore condition on the skeleton.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import CLIPModel, CLIPVisionModel

from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet.denoiser import UNetDenoiser
from dreamtuner.families.unet.load import read_controlnet, read_pipeline, read_unet
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.families.unet.training_attention import WrittenOutAttention
from dreamtuner.models.layouts import Kind, part_of
from dreamtuner.pocket.training.autoencoder import load_latents, scaling_factor
from dreamtuner.pocket.training.loss_weights import load_emphasis
from dreamtuner.pocket.training.shards import load_layouts, load_shards, shard_files
from dreamtuner.pocket.training.text import encode_captions
from dreamtuner.pocket.training.warm_start import start_from
from dreamtuner.pocket.world.captions import caption
from dreamtuner.pocket.world.render import SIZE
from dreamtuner.train.encoder import EncoderStage, Examples, Frozen
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

    ``start`` is the folder of a subject-encoder to continue from.
    """

    weights: Path
    data: Path
    shards: int
    latents: Path
    batch: int
    controlnet: bool = True
    start: Path | None = None
    views: int = 0

    def build(self, device: torch.device) -> EncoderStage:
        pipe = read_pipeline(self.weights)
        kinds = tuple(LAYOUTS) if self.controlnet else ()
        controlnets = {kind: read_controlnet(self.weights / part_of(kind)) for kind in kinds}
        vision: CLIPVisionModel = CLIPModel.from_pretrained(self.weights / "tower").vision_model
        for model in (pipe.unet, *controlnets.values()):
            model.set_attn_processor(WrittenOutAttention())
        for model in (pipe.unet, pipe.text_encoder, vision, *controlnets.values()):
            place(model.requires_grad_(False).eval(), device)
        encoder = new_encoder(pipe.unet, vision)
        if self.start is not None:
            start_from(encoder, SubjectEncoder.from_pretrained(self.start), self.start)
        place(encoder, device)
        shards = load_shards(self.data, self.shards, self.views)
        images, masks = torch.from_numpy(shards.images), torch.from_numpy(shards.masks)
        layouts = [torch.from_numpy(load_layouts(self.data, self.shards, kind, self.views)) for kind in kinds]
        latents = load_latents(self.latents)
        scale = scaling_factor(latents)
        files = shard_files(self.data, self.shards, self.views)
        emphasis = load_emphasis(files, shards.pictures, SIZE // latents.shape[-1])

        def draw(generator: torch.Generator) -> Examples:
            rows = torch.randint(len(images), (self.batch,), generator=generator)
            mask = masks[rows].unsqueeze(1).float().div(255)
            alone = images[rows].permute(0, 3, 1, 2).float().div(255) * mask + (1 - mask)
            layout = None
            if controlnets:
                which = int(torch.multinomial(torch.tensor(list(LAYOUTS.values())), 1, generator=generator))
                shown = layouts[which][rows].permute(0, 3, 1, 2).float().div(255).expand(-1, 3, -1, -1).to(device)
                layout = kinds[which], shown
            return Examples(
                alone.to(device),
                latents[rows].float().mul(scale).to(device),
                [caption(p.identity, p.context) for p in (shards.pictures[int(i)] for i in rows)],
                layout,
                emphasis[rows].float().to(device),
            )

        return EncoderStage(
            encoder,
            Frozen(
                UNetDenoiser(pipe.unet, controlnets=controlnets, encoder=encoder),
                lambda captions: TextStates(encode_captions(pipe.tokenizer, pipe.text_encoder, captions, device)),
                vision,
                lambda x: x * 2 - 1,
                pipe.scheduler,
            ),
            draw,
        )


def export_encoder(trained: Path, weights: Path, out: Path) -> None:
    """Write the averaged weights of the training in ``trained`` to ``out``: fp16 safetensors with their config."""
    unet = read_unet(weights / "unet")
    vision = CLIPModel.from_pretrained(weights / "tower").vision_model
    encoder = new_encoder(unet, vision)
    load_ema(trained, encoder)
    encoder.half().save_pretrained(out, safe_serialization=True)
