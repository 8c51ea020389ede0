"""What generating takes in memory, and how much of it to do at a time: cells of a batch, rows of a pass, images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor

from dreamtuner.families.backbone import Parts
from dreamtuner.models.intake.memory_check import free_memory_bytes

MAX_CELLS = 16
"""Cells of a batch at most: more are no faster."""
MAX_ROWS = 32
"""Rows of a piece of the reference pass at most."""
MAX_POSITIONS = 8 * 64 * 64
"""Latent positions of a piece of the reference pass at most, if that is more than a row: 8 rows of 512 x 512 pixels
with Stable Diffusion. On a CPU a row in a piece of 8 took 0.8 of the time of one alone; more rows take more memory."""
KV_BYTES = 4 << 30
"""Default memory budget of captured keys and values, bytes. 30 steps take 0.55 GB with SD 1.5 and 5 GB with SDXL, at
40 % foreground."""
MIN_KV_BYTES = 1 << 30
"""The least budget of keys and values, so that a step's always fit."""
PER_CONTROLNET = 0.5
"""What a ControlNet adds to a row, of the denoiser's own: the residuals of half a U-Net."""
USABLE = 0.8
"""Share of the free memory to use; the rest is for what is not counted."""


@runtime_checkable
class EstimatesMemory(Protocol):
    """Parts that estimate the memory of their activations, for images of a size in pixels. Weights do not count."""

    def row_bytes(self, width: int, height: int) -> int:
        """Estimate the bytes that each row of a call of the denoiser takes at its peak."""
        ...

    def decode_bytes(self, width: int, height: int) -> int:
        """Estimate the bytes that decoding one image takes at its peak."""
        ...


@runtime_checkable
class TilesImages(Protocol):
    """Parts that can encode and decode images in overlapping tiles, which takes little memory at any size."""

    def tiling(self) -> AbstractContextManager[None]:
        """Work in tiles inside, if an image is larger than one; where tiles overlap, the image is blended."""
        ...


@dataclass(frozen=True)
class Portions:
    """How much to do at a time: cells of a batch, rows of a piece of the reference pass, bytes of keys and values."""

    cells: int
    rows: int
    kv_bytes: int


_limit: ContextVar[int | None] = ContextVar("limit", default=None)


@contextmanager
def limited_to(size: int | None) -> Iterator[None]:
    """Let what is generated inside count on at most `size` bytes of free memory; None: on all that is free."""
    token = _limit.set(size)
    try:
        yield
    finally:
        _limit.reset(token)


def free_bytes(device: torch.device) -> int | None:
    """Return the memory of the device that may still be used, bytes, with what torch holds unused; None if unknown."""
    free, limit = _free_bytes(device), _limit.get()
    return limit if free is None else free if limit is None else min(free, limit)


def _free_bytes(device: torch.device) -> int | None:
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    return free_memory_bytes() if device.type == "cpu" else None


def portions(parts: Parts, width: int, height: int, *, controlnets: int = 0, free: int | None) -> Portions:
    """Return how much fits into `free` bytes for images of this size, pixels; at least one of each.

    `parts`: of any family; what one does not estimate is not limited. `free`: None if unknown. `controlnets`: how many
    run in a call. A cell takes two rows.
    """
    _, rows, columns = parts.latent_shape(width, height)
    best = max(1, min(MAX_ROWS, MAX_POSITIONS // (rows * columns)))
    if free is None or not isinstance(parts, EstimatesMemory):
        return Portions(MAX_CELLS, best, KV_BYTES)
    held = min(KV_BYTES, free // 2)
    each = parts.row_bytes(width, height) * (1 + PER_CONTROLNET * controlnets)
    fit = int((free - held) * USABLE // each)
    return Portions(max(1, min(MAX_CELLS, fit // 2)), max(1, min(best, fit)), max(MIN_KV_BYTES, held))


def images_at_once(parts: Parts, width: int, height: int, *, free: int | None) -> int | None:
    """Return how many images to decode at a time in `free` bytes, 1 or more; None: any number."""
    if free is None or not isinstance(parts, EstimatesMemory):
        return None
    return max(1, int(free * USABLE // parts.decode_bytes(width, height)))


def decoded(parts: Parts, x_0: Tensor, size: tuple[int, int]) -> list[Image.Image]:
    """Decode scaled latents N C H W to N RGB images of width and height `size`, as many at a time as the memory holds.

    How many changes the last bits of a value at most, which rounding to 8 bits mostly hides.
    """
    count = images_at_once(parts, *size, free=free_bytes(x_0.device)) or max(len(x_0), 1)
    return [image for part in x_0.split(count) for image in parts.decode(part)]


def tiling(parts: Parts, wanted: bool) -> AbstractContextManager[None]:
    """Return the context of `TilesImages.tiling` if wanted. Raises ValueError if the model cannot tile."""
    if not wanted:
        return nullcontext()
    if not isinstance(parts, TilesImages):
        raise ValueError("sampling.vae_tiling: this model cannot decode in tiles; set it to false")
    return parts.tiling()
