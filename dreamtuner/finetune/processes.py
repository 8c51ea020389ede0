"""How many processes share a fine-tuning, and whether they divide its weights among them."""

from __future__ import annotations

from dataclasses import replace

from dreamtuner.families.memory import Need
from dreamtuner.settings.finetune import FineTuneConfig


def images_per_step(settings: FineTuneConfig) -> int:
    """Return the images of an optimizer step, of which every process needs at least one."""
    return settings.accumulate * settings.batch * (1 if settings.regular == "none" else 2)


def is_divisible(settings: FineTuneConfig) -> bool:
    """Return whether several processes hold a part of the trained weights each (FSDP), or all of them (DDP).

    Adapters are too small to be worth it. Adafactor's means and the blocks of 8-bit AdamW are of whole matrices, and
    weights that are interpolated with the first ones have to be whole.
    """
    return settings.mode == "full" and settings.optimizer in ("adamw", "adamw16bit") and settings.unet_kept == 1


def need_of_each(need: Need, settings: FineTuneConfig, processes: int) -> Need:
    """Return what each process takes of what one would take; the activations of fewer images are not subtracted.

    Divided weights are loaded whole before they are divided, so that it is never less than they are.
    """
    processes = min(processes, images_per_step(settings))
    if processes == 1 or not is_divisible(settings):
        return need
    trained = need.gradients  # weights that are trained have as many bytes
    divided = replace(
        need,
        weights=need.weights - trained + trained // processes,
        learning=need.learning // processes,
        gradients=need.gradients // processes,
    )
    return replace(divided, step=divided.step + max(0, need.weights - divided.live))
