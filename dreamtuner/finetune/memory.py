"""Checks that a fine-tuning fits into the device's memory, and suggests settings that would."""

from __future__ import annotations

import os

import torch

from dreamtuner.families.registry import fine_tunable_family
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig


class InsufficientMemoryError(ValueError):
    """The device has too little memory; the message says how much is needed and which settings would fit."""


def memory_of(device: str) -> int:
    """Return the memory of the device in bytes: a GPU's own, or this machine's."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_memory(profile: Profile, settings: FineTuneConfig, resolution: int, available: int) -> None:
    """Raise InsufficientMemoryError if `available` bytes are too few for a training.

    Raises:
        InsufficientMemoryError: the message says which settings would fit, or how much memory is needed.
    """
    need = fine_tunable_family(profile).memory_need
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
            raise InsufficientMemoryError(
                f"finetune: it needs about {_gb(wanted)} and the device has {_gb(available)}; "
                f"{words} needs {_gb(least)} and fits"
            )
    raise InsufficientMemoryError(
        f"finetune: it needs about {_gb(wanted)} and the device has {_gb(available)}; even the smallest form needs "
        f"{_gb(least)}: use a device with more memory, or set DREAMTUNER_DEVICE=cpu"
    )


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"
