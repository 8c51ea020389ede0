"""Which parameters of a Stable Diffusion are fine-tuned (Sec. 3.3, App. A), and how much memory a step takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import CLIPTextConfig, CLIPTextModel

from dreamtuner.families import lora
from dreamtuner.families.memory import BYTES, PER_LEARNT, Need, saved_activation_bytes
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig

LORA_TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")


def set_learning(
    unet: Any, text_encoders: Sequence[Any], settings: FineTuneConfig, *, encoder: SubjectEncoder | None
) -> None:
    """Make the parameters that the settings name trainable; all are frozen before, and all others stay frozen.

    Of a subject-encoder only the ResBlocks are trained, not its S-E-A layers; of token embeddings none
    (`finetune/learned_token.py` adds the one that is).
    """
    s = settings
    texts = [(model, LORA_TEXT, "text_encoder") for model in text_encoders]
    for model, targets, part in ((unet, s.targets, "unet"), *texts):
        if part in s.learns:
            if s.mode == "lora":
                lora.inject(model, targets, s.rank, seed=s.seed, alpha=s.alpha, dora=s.dora)
            else:
                model.requires_grad_(True)
    if s.gradient_checkpointing:
        unet.enable_gradient_checkpointing(_checkpointed)
    if encoder is not None and "resblocks" in settings.learns:
        encoder.requires_grad_(True)
        encoder.layers.requires_grad_(False)
    for model in text_encoders:
        model.get_input_embeddings().requires_grad_(False)


def _checkpointed(module: nn.Module, *inputs: Any) -> Any:
    """Call a block so that its activations are computed again in the backward pass; blocks draw no random numbers."""
    return checkpoint(module.__call__, *inputs, use_reentrant=False, preserve_rng_state=False)


class _SavedTensors(torch.autograd.Function):
    """Attention that saves what a fused kernel saves: queries, keys, values and the output."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, out)
        return out


class _CountedAttention:
    def __call__(self, attn: Any, h: Tensor, encoder_hidden_states: Tensor | None = None, **_: object) -> Tensor:
        source = h if encoder_hidden_states is None else encoder_hidden_states
        mixed = _SavedTensors.apply(attn.to_q(h), attn.to_k(source), attn.to_v(source))  # type: ignore[no-untyped-call]
        out: Tensor = attn.to_out[0](mixed)
        return out


def memory_need(profile: Profile, settings: FineTuneConfig, resolution: int) -> Need:
    """Compute the memory that fine-tuning takes in float32 at this resolution (pixels).

    Loads nothing: models are built on the meta device, and one step is traced.
    """
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
    """Compute the memory of a model with these text encoders, on the meta device as the current one.

    `conditions`: further arguments of the U-Net for a number of rows.
    """
    unet, vae = (
        kind.from_config(json.loads((profile.folder(part) / "config.json").read_text()))
        for kind, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"))
    )
    unet.set_attn_processor(_CountedAttention())
    whole = sum(p.numel() for model in (unet, vae, *texts) for p in model.parameters())
    for model in (unet, vae, *texts):
        model.requires_grad_(False)
    set_learning(unet, texts, settings, encoder=None)
    learning = [p for model in (unet, *texts) for p in model.parameters() if p.requires_grad]
    rows = settings.batch * (1 if settings.regular == "none" else 2)
    side = resolution >> (len(vae.config.block_out_channels) - 1)
    x = torch.empty(rows, unet.config.in_channels, side, side).requires_grad_(True)
    length = texts[0].config.max_position_embeddings
    t, c = torch.empty(rows, dtype=torch.long), torch.empty(rows, length, unet.config.cross_attention_dim)
    step = saved_activation_bytes(lambda: unet(x, t, c, **conditions(rows)).sample, unet)
    # weights on disk may be float16: doubled they are float32
    files = [file for part in ("tower", "subject_encoder") for file in profile.folder(part).glob("*.safetensors")]
    encoder = 2 * sum(file.stat().st_size for file in files)
    return Need(whole * BYTES + encoder, sum(p.numel() for p in learning) * PER_LEARNT, step)
