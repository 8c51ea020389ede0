"""Checks that a fine-tuning fits into the device's memory, suggests settings that would, and plans its images."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from typing import Any

import torch

from dreamtuner.families.memory import SPARE, Need
from dreamtuner.families.registry import fine_tunable_family
from dreamtuner.finetune.fitting import ImageMemory
from dreamtuner.finetune.processes import need_of_each
from dreamtuner.models.profiles import Profile
from dreamtuner.settings.finetune import FineTuneConfig


class InsufficientMemoryError(ValueError):
    """The device has too little memory; the message says how much is needed and which settings would fit."""


def memory_of(device: str) -> int:
    """Return the memory of the device in bytes: a GPU's own, or this machine's."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(torch.device(device))[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def need_of(profile: Profile, settings: FineTuneConfig, resolution: int) -> Need:
    """Return the memory that a training takes, of any family that can be fine-tuned; counted once for equal settings.

    Raises:
        FamilyError: the profile's models cannot be fine-tuned.
    """
    deciding = tuple(getattr(settings, name) for name in _DECIDING)
    used = (settings.learns, settings.beta > 0, settings.ema > 0, settings.unet_kept < 1)
    files = (profile.name, profile.weights, profile.tower, profile.folder("subject_encoder"))
    key = (files, deciding, used, resolution)
    if key not in _counted:
        _counted[key] = fine_tunable_family(profile).memory_need(profile, settings, resolution)
    return _counted[key]


_counted: dict[Hashable, Need] = {}
_DECIDING = (
    *("mode", "rank", "targets", "dora", "batch", "accumulate", "regular"),
    *("optimizer", "precision", "gradient_checkpointing"),
)
"""The settings whose values decide how much memory a training takes; of others it matters whether they are used."""


def image_memory(profile: Profile, settings: FineTuneConfig, resolution: int, available: int) -> ImageMemory:
    """Return what previews and class images may take of `available` bytes: what weights and optimizer state leave.

    It is no less than a step takes in their place, or one image.
    """
    need = need_of(profile, settings, resolution)
    left = int(available / SPARE) - need.weights - need.learning + need.gradients
    return ImageMemory(max(left, need.room) - need.copies, need.keys)


def require_memory(
    profile: Profile, settings: FineTuneConfig, resolution: int, available: int, processes: int = 1
) -> None:
    """Raise InsufficientMemoryError if `available` bytes are too few for each process of a training.

    Raises:
        InsufficientMemoryError: the message says which settings would fit, or how much memory is needed.
    """
    wanted = need_of_each(need_of(profile, settings, resolution), settings, processes).total
    if wanted <= available:
        return
    least = 0
    for words, other in _smaller(profile, settings):
        if other == settings:
            continue
        least = need_of_each(need_of(profile, other, resolution), other, processes).total
        if least <= available:
            raise InsufficientMemoryError(
                f"finetune: it needs about {_gb(wanted)} and the device has {_gb(available)}; "
                f"{words} needs {_gb(least)} and fits"
            )
    raise InsufficientMemoryError(
        f"finetune: it needs about {_gb(wanted)} and the device has {_gb(available)}; even the smallest form needs "
        f"{_gb(least)}: use a device with more memory, or set DREAMTUNER_DEVICE=cpu"
    )


def _smaller(profile: Profile, settings: FineTuneConfig) -> Iterator[tuple[str, FineTuneConfig]]:
    """Yield settings that take less and less memory, with the words that ask for them."""

    def changed(given: FineTuneConfig, **fields: Any) -> FineTuneConfig:
        return given.model_copy(update=fields)

    now, said = changed(settings, precision="bfloat16", gradient_checkpointing=True), "precision: bfloat16"
    said += " and gradient_checkpointing: true"
    yield said, now
    if now.mode == "full":
        factored = changed(now, optimizer="adafactor", ema=0.0)
        yield f"{said}, optimizer: adafactor", factored
        now, said = changed(now, mode="lora", batch=1, lr=profile.finetuning("lora").lr), f"mode: lora, {said}"
        yield said, now
    if now.batch > 1:
        now, said = changed(now, batch=1), f"{said}, batch: 1"
        yield said, now
    now, said = changed(now, lr=now.lr.model_copy(update={"text_encoder": None})), f"{said}, lr: {{text_encoder: null}}"
    yield said, now
    yield f"{said}, regular: none", changed(now, regular="none", prior_weight=1.0)


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"
