"""Counts the memory that fine-tuning a Stable Diffusion takes, from its configs and the headers of its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from dreamtuner.families.memory import FULL, HALF, Need, counted, optimizer_bytes
from dreamtuner.families.unet.attach import transformer_blocks
from dreamtuner.families.unet.finetune import set_learning
from dreamtuner.models.intake.safetensors_header import read_header
from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import weight_files
from dreamtuner.settings.finetune import FineTuneConfig


def memory_need(profile: Profile, settings: FineTuneConfig, resolution: int) -> Need:
    """Compute the memory that fine-tuning takes at this resolution (pixels). Loads nothing."""
    with torch.device("meta"):
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(profile.folder("text_encoder")))
    return need_of(profile, (text,), settings, resolution)


def need_of(
    profile: Profile,
    texts: Sequence[Any],
    settings: FineTuneConfig,
    resolution: int,
    conditions: Callable[[int], Mapping[str, Any]] = lambda rows: {},
) -> Need:
    """Compute the memory of a model with these text encoders, which are on the meta device.

    `conditions`: further arguments of the U-Net for a number of rows.
    """
    with torch.device("meta"):
        unet, vae = (
            kind.from_config(json.loads((profile.folder(part) / "config.json").read_text()))
            for kind, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"))
        )
        for model in (unet, vae, *texts):
            model.requires_grad_(False)
        set_learning(unet, texts, settings, encoder=None)
    half = settings.precision == "bfloat16"
    beside, trained_beside = _encoder_and_scorer(profile, settings)
    learning = [p for model in (unet, *texts) for p in model.parameters() if p.requires_grad]
    every = [p for model in (unet, vae, *texts) for p in model.parameters()]
    weights = beside + sum(p.numel() * (FULL if p.requires_grad or not half else HALF) for p in every)
    shapes = [tuple(p.shape) for p in learning] + trained_beside
    gradients = FULL * sum(map(prod, shapes))
    averages = gradients if settings.ema else 0
    interpolated = settings.mode == "full" and settings.unet_kept < 1 and "unet" in settings.learns
    copies = averages + (FULL * sum(p.numel() for p in unet.parameters()) if interpolated else 0)
    moments = optimizer_bytes(settings.optimizer, shapes)
    rows = settings.batch * (1 if settings.regular == "none" else 2)
    side = resolution >> (len(vae.config.block_out_channels) - 1)
    length = texts[0].config.max_position_embeddings

    def inputs(n: int) -> tuple[Tensor, Tensor, Tensor]:
        c = torch.empty(n, length, unet.config.cross_attention_dim, requires_grad=torch.is_grad_enabled())
        return torch.empty(n, unet.config.in_channels, side, side), torch.zeros(n, dtype=torch.long), c

    held = sum(p.numel() * (FULL if p.requires_grad or not half else HALF) for p in unet.parameters())
    ours = FULL * sum(p.numel() for p in unet.parameters() if p.requires_grad)
    autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=half)
    with counted([unet], settings) as live:
        with autocast():
            loss = unet(*inputs(rows), **conditions(rows), return_dict=False)[0].float().square().mean()
        forward = live.peak - held
        loss.backward()
        del loss
        # with gradients of earlier batches, what the forward pass needs is on top of them
        step = max(live.peak - held - ours, forward if settings.accumulate > 1 else 0)
    with counted([vae, unet], settings) as live, torch.no_grad(), autocast(), _key_bytes(unet) as kept:
        before = live.peak
        unet(*inputs(2), **conditions(2), return_dict=False)
        vae.decode(torch.empty(1, vae.config.latent_channels, side, side))
        images = live.peak - before + sum(kept)
    return Need(weights, gradients + moments + averages, max(step, 0), gradients, images, sum(kept), copies)


@contextmanager
def _key_bytes(unet: Any) -> Iterator[list[int]]:
    """Collect the bytes of the keys and values of self-attention of each layer that is called inside, for all rows."""
    found: list[int] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(2 * inputs[0].numel() * inputs[0].element_size())

    hooks = [block.attn1.register_forward_pre_hook(note) for block in transformer_blocks(unet).values()]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _encoder_and_scorer(profile: Profile, settings: FineTuneConfig) -> tuple[int, list[tuple[int, ...]]]:
    """Return the bytes of the CLIP model that scores and of the subject-encoder with its own, and what it trains.

    That is by shape. The CLIP model is loaded twice if there is a subject-encoder, the second time its image branch.
    """
    each = HALF if settings.precision == "bfloat16" else FULL
    tower = _shapes(profile.tower, profile.variant)
    total = each * sum(map(prod, tower.values()))
    if not profile.has_encoder:
        return total, []
    total += each * sum(prod(shape) for name, shape in tower.items() if name.startswith("vision_model."))
    encoder = _shapes(profile.folder("subject_encoder"), None)
    trained = [shape for name, shape in encoder.items() if not name.startswith("layers.")]
    trained = trained if "resblocks" in settings.learns else []
    total += each * sum(map(prod, encoder.values())) + (FULL - each) * sum(map(prod, trained))
    return total, trained


def _shapes(folder: Path, variant: str | None) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a model's safetensors files, by name; empty if there are none."""
    files = [file for file in weight_files(folder, variant) if file.suffix == ".safetensors"]
    return {name: one.shape for file in files for name, one in read_header(file).items()}
