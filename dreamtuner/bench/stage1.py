"""What stage 1 costs, computed: FLOPs of an image counted on the meta device at true shapes, memory, and days.

Counted are the calls of a training step: CLIP's image encoder, the ControlNet and the U-Net forward, and the backward
pass through the U-Net to the subject-encoder's layers, again with the forward pass where activations are not held.
Autoencoder and text encoder ran in the preparation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPVisionConfig, CLIPVisionModel

from dreamtuner.bench.shapes import IMAGE_TOKENS, VISION
from dreamtuner.families.memory import saved_activation_bytes
from dreamtuner.families.sdxl.denoiser import SDXLDenoiser
from dreamtuner.families.text_states import TextStates
from dreamtuner.families.unet import build
from dreamtuner.families.unet.denoiser import UNetDenoiser
from dreamtuner.families.unet.subject_encoder import SubjectEncoder, hidden_states
from dreamtuner.train.encoder.settings import EncoderSettings

HALF, FULL = 2, 4
"""Bytes of a number in bfloat16, in which frozen models compute, and in float32, in which the encoder learns."""
LEARNED = 5 * FULL
"""Bytes per trained number: weight, gradient, two moments and average."""
PAPER = SimpleNamespace(cards=4, days=7.0, tflops=312.0, batch=16)
"""The paper's training: four A100 for a week, batch 16 (Sec. 4); it does not state steps."""


@dataclass(frozen=True)
class Shapes:
    """The shapes of a model that decide its cost. `latents`: side; `pixels`: side of an image."""

    name: str
    unet: Mapping[str, Any]
    controlnet: Mapping[str, Any]
    text: tuple[int, int]
    latents: int
    pooled: int | None = None

    @property
    def pixels(self) -> int:
        """Side of an image, pixels."""
        return self.latents * 8


@dataclass(frozen=True)
class Card:
    """A graphics card by its data sheet: memory in GB, and the peak of dense bfloat16 products in 10^12 per second."""

    name: str
    gigabytes: float
    tflops: float


CARDS = {
    "one-24gb": Card("GeForce RTX 4090", 24, 165.2),
    "one-80gb": Card("A100 80 GB", 80, 312.0),
    "eight-80gb": Card("A100 80 GB", 80, 312.0),
}
"""The card that the days of a preset are computed for."""
UTILISATION = 0.35
"""Assumed share of the peak; 0.3 to 0.45 is usual for U-Nets in PyTorch. It is assumed, not measured."""
ROOM = 0.85
"""Share of a card's memory that a training may count on."""

_SD15 = {"block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768, "attention_head_dim": 8}
_SDXL = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SD15 = Shapes("Stable Diffusion 1.5", {**_SD15, "sample_size": 64}, _SD15, (77, 768), 64)
SDXL = Shapes(
    "Stable Diffusion XL",
    {**_SDXL, "sample_size": 128, "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")},
    _SDXL,
    (77, 2048),
    128,
    1280,
)


@dataclass(frozen=True)
class ImageCost:
    """What an image costs. `numbers`: trained ones; `frozen`: others; `flops`: of a step with activations held.

    `flops_again`: with checkpointing; `held` and `held_again`: bytes of activations in bfloat16, with and without.
    """

    shapes: str
    pixels: int
    numbers: int
    frozen: int
    flops: int
    flops_again: int
    held: int
    held_again: int


def image_cost(shapes: Shapes, width: int = 768) -> ImageCost:
    """Count what one image of a step costs. Allocates no weights."""
    with torch.device("meta"):
        vision = CLIPVisionModel(
            CLIPVisionConfig(
                hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14
            )
        )
        unet, controlnet = build.new_unet(**shapes.unet), build.new_controlnet(**shapes.controlnet)
        for model in (vision, unet, controlnet):
            model.requires_grad_(False)
        encoder = SubjectEncoder.for_unet(unet, VISION, width=width)
        denoiser = _denoiser(shapes, unet, controlnet, encoder)
        step = _Step(shapes, denoiser, encoder)
        with torch.no_grad():
            seen = _counted(lambda: hidden_states(vision, torch.empty(1, 3, 224, 224), encoder.config.depths))
        flops, held = _counted(step), saved_activation_bytes(lambda: step.loss(), unet)
        unet.enable_gradient_checkpointing()
        again, held_again = _counted(step), saved_activation_bytes(lambda: step.loss(), unet)
    frozen = sum(p.numel() for model in (vision, unet, controlnet) for p in model.parameters())
    numbers = sum(p.numel() for p in encoder.parameters())
    ratio = HALF / FULL  # counted in float32
    return ImageCost(
        shapes.name,
        shapes.pixels,
        numbers,
        frozen,
        seen + flops,
        seen + again,
        int(held * ratio),
        int(held_again * ratio),
    )


def memory_bytes(cost: ImageCost, settings: EncoderSettings) -> int:
    """Estimate the memory of a process: weights, what learns, and the activations of the images computed at once."""
    held = cost.held_again if settings.checkpointing else cost.held
    return cost.frozen * HALF + cost.numbers * LEARNED + settings.at_once * held


def fitted(cost: ImageCost, settings: EncoderSettings, card: Card) -> EncoderSettings:
    """Return the settings with as many images at once as the card holds, activations computed again if need be.

    Raises:
        ValueError: not even one image fits.
    """
    for checkpointing in (settings.checkpointing, True):
        at_once = settings.at_once
        while at_once:
            tried = settings.model_copy(update={"checkpointing": checkpointing, "at_once": at_once})
            if memory_bytes(cost, tried) <= ROOM * card.gigabytes * 1e9:
                return tried
            at_once //= 2
    raise ValueError(f"{cost.shapes} does not fit on a card of {card.gigabytes:g} GB")


def days(cost: ImageCost, settings: EncoderSettings, *, tflops: float, utilisation: float) -> float:
    """Compute the days that a training takes on its processes' cards of this peak, at this share of it (0..1)."""
    flops = cost.flops_again if settings.checkpointing else cost.flops
    return flops * settings.batch * settings.loop.steps / (tflops * 1e12 * utilisation * settings.processes) / 86400


def paper_images(cost: ImageCost, utilisation: float) -> float:
    """Compute how many images the paper's cards can have trained on in its week, with activations held."""
    return float(PAPER.cards * PAPER.days * 86400 * PAPER.tflops * 1e12 * utilisation / cost.flops)


class _Step:
    """Forward and backward pass of one image."""

    def __init__(self, shapes: Shapes, denoiser: UNetDenoiser, encoder: SubjectEncoder) -> None:
        self._denoiser, self._encoder = denoiser, encoder
        self._x, self._t = torch.empty(1, 4, shapes.latents, shapes.latents), torch.empty(1)
        pooled = None if shapes.pooled is None else torch.empty(1, shapes.pooled)
        self._c = TextStates(torch.empty(1, *shapes.text), pooled)
        self._controls = {"depth": torch.empty(1, 3, shapes.pixels, shapes.pixels)}
        self._states = torch.empty(1, IMAGE_TOKENS, VISION.config.hidden_size * len(encoder.config.depths))

    def loss(self, backward: bool = False) -> None:
        """Compute a loss, and its gradient if asked."""
        encoder = self._encoder
        with self._denoiser.attach_encoder():
            keys = encoder.keys(encoder(self._states))
            with encoder.attend([(1, keys)], beta=1.0):
                loss = self._denoiser.predict(self._x, self._t, self._c, self._controls).sum()
                if backward:
                    loss.backward()

    def __call__(self) -> None:
        """Compute loss and gradient."""
        self.loss(backward=True)


def _denoiser(shapes: Shapes, unet: Any, controlnet: Any, encoder: SubjectEncoder) -> UNetDenoiser:
    parts: dict[str, Any] = {"controlnets": {"depth": controlnet}, "encoder": encoder}
    if shapes.pooled is None:
        return UNetDenoiser(unet, **parts)
    return SDXLDenoiser(unet, pixels_per_latent=8, **parts)


def _counted(run: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())
