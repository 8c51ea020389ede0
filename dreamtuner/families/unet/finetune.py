"""Makes the parameters of a Stable Diffusion trainable that a fine-tuning trains (Sec. 3.3, App. A)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from dreamtuner.families import lora
from dreamtuner.families.unet.subject_encoder import SubjectEncoder
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
