"""What decides an image besides its recipe, as far as it is known: recorded with each image, compared on replay."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dreamtuner.settings.sampling import ENGINE_VERSION
from flows.resources import Resources

LIBRARIES = ("dreamtuner", "torch", "diffusers", "transformers", "peft", "numpy", "pillow")
CUTTING = ("opencv-python-headless", "onnxruntime")
"""Libraries of maskers, which cut out images."""
TOGETHER = "together"
"""The cells that were generated in one call, in their order: the first SHORT digits of their digests."""
SHORT = 12


def environment(resources: Resources) -> dict[str, Any]:
    """Return libraries, device and settings of this process that may change an image's last bits."""
    import torch

    settings = resources.settings
    return {
        **_libraries(),
        "engine": ENGINE_VERSION,
        "device": resources.device_class,
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "batch": settings.batch,
        "attention": settings.attention,
        "compile": settings.compile,
        "offload": settings.offload,
    }


def made_with(resources: Resources, cells: Sequence[str]) -> dict[str, Any]:
    """Return what is recorded with an image that was generated in one call with the cells of these digests."""
    return environment(resources) | {TOGETHER: [digest[:SHORT] for digest in cells]}


def differences(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Name the inputs that are not as recorded, one phrase each; those of which nothing was recorded are left out."""
    names = [name for name in recorded if name != TOGETHER and name in here]
    return [f"{name}: {recorded[name]}, here {here[name]}" for name in names if recorded[name] != here[name]]


@cache
def _libraries() -> dict[str, str]:
    found = {}
    for name in (*LIBRARIES, *CUTTING):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
