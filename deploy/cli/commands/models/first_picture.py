"""Loads a profile's model and generates one image with it: how long that takes, and how much memory."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamtuner.models.profiles import Profile

if TYPE_CHECKING:
    from PIL.Image import Image

STEPS = 8
"""Most steps of the image: enough to see that the model works."""
PROMPT = "a photo of a cat"


@dataclass(frozen=True)
class FirstPicture:
    """The image, and what it took. `memory_bytes`: the process's peak on a CPU, the device's on a GPU."""

    image: Image
    device: str
    steps: int
    load_s: float
    image_s: float
    memory_bytes: int


def first_picture(profile: Profile, device: str) -> FirstPicture:
    """Generate one image of the profile's size, without a reference, seed 0.

    Raises:
        IntakeError: the model does not fit into the device's memory, or cannot be loaded.
        FamilyError: no family reads it.
    """
    import torch

    from dreamtuner.families.inference_memory import free_bytes
    from dreamtuner.families.precision import torch_dtype
    from dreamtuner.families.registry import FamilyError, load_backbone
    from dreamtuner.models.intake.errors import IntakeError
    from dreamtuner.models.intake.memory_check import memory_problem
    from dreamtuner.sampling.generate import generate
    from dreamtuner.sampling.request import Cell

    free = free_bytes(torch.device(device))
    if free is not None and (short := memory_problem(profile, free)) is not None:
        raise IntakeError(short)
    sampling = profile.sampling().model_copy(update={"beta": 0.0})
    sampling = sampling.model_copy(update={"steps": min(sampling.steps, STEPS)})
    start = time.perf_counter()
    try:
        backbone = load_backbone(profile, device=device, dtype=torch_dtype(sampling.dtype, device))
    except (FamilyError, MemoryError):
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise IntakeError(f"{profile.weights} cannot be loaded ({type(error).__name__}: {why})") from error
    loaded = time.perf_counter()
    (image,) = generate(backbone, None, [Cell(PROMPT, 0)], sampling)
    done = time.perf_counter()
    if device.startswith("cuda"):
        peak = int(torch.cuda.max_memory_allocated(device))
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return FirstPicture(image, device, sampling.steps, loaded - start, done - loaded, peak)
