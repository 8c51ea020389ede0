"""Generates the images of a fine-tuning in the memory that its models leave: batches are halved until they fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from PIL import Image

from dreamtuner.families.backbone import Backbone
from dreamtuner.families.inference_memory import MAX_CELLS, MIN_KV_BYTES
from dreamtuner.sampling.generate import generate
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling


def generate_fitting(
    backbone: Backbone,
    reference: Reference | None,
    cells: Sequence[Cell],
    sampling: Sampling,
    *,
    on_step: Callable[[int, int], None] | None = None,
) -> list[Image.Image]:
    """Generate one RGB image per cell, in order, without the profile's embeddings.

    The first batches, and the pieces in which the autoencoder decodes them, are as large as the free memory is
    estimated to hold. Whenever the device has too little nevertheless, the cells are generated again in batches of half
    the size, with the least keys and values of the reference held. Raises torch.OutOfMemoryError if one cell does not
    fit.
    """
    run = partial(generate, backbone, reference, cells, sampling, embeddings=(), on_step=on_step)
    size: int | None = None
    while True:
        try:
            return run() if size is None else run(batch_size=size, kv_bytes=MIN_KV_BYTES)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
        # here, where the error no longer holds the tensors of the attempt
        size = max(1, (min(len(cells), MAX_CELLS) if size is None else size) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
