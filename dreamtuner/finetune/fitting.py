"""Generates the images of a fine-tuning in the memory that its models leave: batches are halved until they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from PIL import Image

from dreamtuner.families.backbone import Backbone
from dreamtuner.families.inference_memory import MAX_CELLS, MIN_KV_BYTES, limited_to
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling


@dataclass(frozen=True)
class ImageMemory:
    """Memory that images may take besides the models, in bytes; `keys`: of a reference's keys and values for a step."""

    room: int
    keys: int

    @property
    def kv_bytes(self) -> int | None:
        """How many bytes of keys and values to hold; None: as by default, as there is room enough."""
        return None if self.room >= 2 * MIN_KV_BYTES else max(self.keys, self.room // 2)


def generate_fitting(
    backbone: Backbone,
    reference: Reference | None,
    cells: Sequence[Cell],
    sampling: Sampling,
    *,
    memory: ImageMemory | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Image.Image]:
    """Generate one RGB image per cell, in order, without the profile's embeddings.

    The first batches, and the pieces in which the autoencoder decodes them, are as large as the free memory is
    estimated to hold, or the memory of the plan. Whenever the device has too little nevertheless, the cells are
    generated again in batches of half the size, with the least keys and values of the reference held. Raises
    torch.OutOfMemoryError if one cell does not fit.
    """
    run = partial(generate, backbone, reference, cells, sampling, embeddings=(), on_step=on_step)
    held = None if memory is None else memory.kv_bytes
    size: int | None = None
    while True:
        try:
            with limited_to(None if memory is None else memory.room):
                return run(batch_size=size, kv_bytes=held)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
        # here, where the error no longer holds the tensors of the attempt
        size, held = max(1, (min(len(cells), MAX_CELLS) if size is None else size) // 2), held or MIN_KV_BYTES
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
