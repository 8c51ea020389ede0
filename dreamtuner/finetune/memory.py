"""How much memory a fine-tuning takes, counted on models without weights, and a refusal that says what would fit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from dreamtuner.finetune import lora
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTune

BYTES = 4  # float32 throughout
PER_LEARNT = 4 * BYTES  # beside the weight itself: its gradient, two moments, and its average
SPARE = 1.15  # what allocators and kernels take beyond what is counted


class TooLittleMemory(ValueError):
    """The device cannot hold the training; the message says how much it takes and which settings would fit."""


@dataclass(frozen=True)
class Need:
    """Bytes: of all weights, of what learning adds, and of what a step keeps for its backward pass."""

    weights: int
    learning: int
    step: int

    @property
    def total(self) -> int:
        """All of it with something to spare."""
        return int((self.weights + self.learning + self.step) * SPARE)


class _Kept(torch.autograd.Function):
    """Attention that keeps what a fused kernel keeps: queries, keys, values and what comes out."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, out)
        return out


class _CountedAttention:
    def __call__(self, attn: Any, h: Tensor, encoder_hidden_states: Tensor | None = None, **_: object) -> Tensor:
        source = h if encoder_hidden_states is None else encoder_hidden_states
        mixed = _Kept.apply(attn.to_q(h), attn.to_k(source), attn.to_v(source))  # type: ignore[no-untyped-call]
        out: Tensor = attn.to_out[0](mixed)
        return out


def need(profile: Profile, settings: FineTune, resolution: int) -> Need:
    """What fine-tuning takes in float32 at this resolution (pixels). Nothing is loaded: models are built without
    weights and one step is walked through."""
    with torch.device("meta"):
        unet, vae = (
            kind.from_config(json.loads((profile.weights / part / "config.json").read_text()))
            for kind, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"))
        )
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(profile.weights / "text_encoder"))
        unet.set_attn_processor(_CountedAttention())
        whole = sum(p.numel() for model in (unet, vae, text) for p in model.parameters())
        for model in (unet, vae, text):
            model.requires_grad_(False)
        for model, targets, part in ((unet, lora.UNET, "unet"), (text, lora.TEXT, "text_encoder")):
            if part in settings.learns:
                if settings.mode == "lora":
                    lora.inject(model, targets, settings.rank, seed=0)
                else:
                    model.requires_grad_(True)
        text.get_input_embeddings().requires_grad_(False)
        learning = [p for model in (unet, text) for p in model.parameters() if p.requires_grad]
        rows = settings.batch * (1 if settings.regular == "none" else 2)
        side = resolution >> (len(vae.config.block_out_channels) - 1)
        x = torch.empty(rows, unet.config.in_channels, side, side).requires_grad_(True)
        c = torch.empty(rows, text.config.max_position_embeddings, unet.config.cross_attention_dim)
        kept = _kept_by(lambda: unet(x, torch.empty(rows, dtype=torch.long), c).sample, unet)
    encoder = sum(file.stat().st_size for part in ("tower", "subject_encoder") for file in _files(profile, part))
    return Need(whole * BYTES + 2 * encoder, sum(p.numel() for p in learning) * PER_LEARNT, kept)


def _files(profile: Profile, part: str) -> Iterator[Any]:
    """Weights on disk, which may be halves: counted twice they are float32."""
    yield from (profile.weights / part).glob("*.safetensors")


def _kept_by(step: Any, model: nn.Module) -> int:
    """Bytes of the tensors that a forward pass keeps for the backward pass, parameters left out."""
    own = {id(p) for p in model.parameters()}
    kept: dict[int, int] = {}
    held: list[Tensor] = []  # so that no id is used twice

    def keep(one: Tensor) -> Tensor:
        base = one._base if one._base is not None else one
        if id(base) not in own:
            kept[id(base)] = base.numel() * base.element_size()
            held.append(base)
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        step()
    return sum(kept.values())


def memory_of(device: str) -> int:
    """Bytes of the device: a GPU's own, or this machine's."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def demand_memory(profile: Profile, settings: FineTune, resolution: int, available: int) -> None:
    """Refuse a training that `available` bytes cannot hold.

    Raises:
        TooLittleMemory: it says which settings would fit, or how much memory would do.
    """
    wanted = need(profile, settings, resolution).total
    if wanted <= available:
        return
    small = settings.model_copy(update={"mode": "lora", "batch": 1, "lr": profile.finetuning("lora").lr})
    alone = small.model_copy(update={"lr": small.lr.model_copy(update={"text_encoder": None})})
    least = 0
    for words, other in (
        ("mode: lora", small),
        ("mode: lora and lr: {text_encoder: null}", alone),
        ("mode: lora, lr: {text_encoder: null} and regular: none", alone.model_copy(update={"regular": "none"})),
    ):
        least = need(profile, other, resolution).total
        if other != settings and least <= available:
            raise TooLittleMemory(
                f"finetune: it takes about {_gb(wanted)} and the device has {_gb(available)}; "
                f"{words} takes {_gb(least)} and fits"
            )
    raise TooLittleMemory(
        f"finetune: it takes about {_gb(wanted)} and the device has {_gb(available)}; even the smallest form takes "
        f"{_gb(least)}: use a device with more memory, or set DREAMTUNER_DEVICE=cpu"
    )


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"
