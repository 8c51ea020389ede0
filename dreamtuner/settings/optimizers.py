"""The optimizers that trainings and fine-tunings can name, and what one of them needs to run. No torch."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

OptimizerName = Literal["adamw", "adamw16bit", "adamw8bit", "adafactor"]


def lacking(optimizer: OptimizerName, device: str) -> str | None:
    """Return why the optimizer cannot run on this device, and what to do; None if it can."""
    if optimizer != "adamw8bit":
        return None
    if not device.startswith("cuda"):
        return f"adamw8bit runs on CUDA, and the device is {device}; choose adafactor, which takes no more"
    if find_spec("bitsandbytes") is None:
        return "adamw8bit needs bitsandbytes; pip install 'dreamtuner[eightbit]', or choose adafactor"
    return None
