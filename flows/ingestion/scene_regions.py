"""Reads where subjects are in images: masks by path or URL, and the figures of pose skeletons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image

from dreamtuner.preprocess import ImageError, ImageLimits, decode_image
from dreamtuner.settings.regions import Box, encoded
from flows.ingestion.layouts import GridLayouts
from flows.ingestion.sources import read, shown
from flows.settings import Settings
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from storage.sources import SourceError

MARGIN = 1 / 8
"""How far a figure extends beyond the bones of its skeleton, as a fraction of the image's longer side."""
BLACK, WHITE, MOST_GREY = 32, 223, 0.5
"""Up to and from which levels of 255 a mask is black and white; how much of it may be in between, as soft edges are."""
DRAWN = 32
"""From which level of 255 on a pixel of a skeleton is drawn."""


def read_regions(spec: Spec, settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Read the masks of the spec's scenes, encoded, by path or URL. Raises InputError with every unusable one."""
    problems: list[Problem] = []
    found: dict[str, Mapping[str, Any]] = {}
    for i, scene in enumerate(spec.scenes):
        for path, place in scene.places():
            try:
                found[place] = _mask(place, settings)
            except (SourceError, ImageError, ValueError) as error:
                problems.append(Problem(path=("together", i, *path), message=f"{shown(place)}: {error}"))
    if problems:
        raise InputError(f"spec {spec.name!r}", problems)
    return found


def read_edited(spec: Spec, settings: Settings) -> Mapping[str, Any] | Box | None:
    """Return where the subject of the edited picture is, as a recipe holds it; None: the spec leaves it to the masker.

    Raises InputError for a mask that is unusable.
    """
    stated = None if spec.edit is None else spec.edit.mask
    if not isinstance(stated, str):
        return stated
    try:
        return _mask(stated, settings)
    except (SourceError, ImageError, ValueError) as error:
        problem = Problem(path=("edit", "mask"), message=f"{shown(stated)}: {error}")
        raise InputError(f"spec {spec.name!r}", [problem]) from error


def _mask(place: str, settings: Settings) -> Mapping[str, Any]:
    limits = ImageLimits(max_bytes=settings.max_source_bytes, min_side=1)
    image = decode_image(read(place, settings), limits=limits).image
    levels = image.convert("L").histogram()
    if sum(levels[BLACK + 1 : WHITE]) > MOST_GREY * sum(levels):
        raise ValueError("is no mask, as most of it is neither black nor white; paint white where the subject is")
    return encoded(image)


def read_figures(layouts: GridLayouts) -> dict[str, Sequence[Box]]:
    """Find the figures of each pose skeleton of a grid, by SHA-256."""
    return {one.sha256: figures_of(Image.open(BytesIO(one.data))) for one in layouts.get("pose", ()) if one is not None}


def figures_of(pose: Image.Image) -> list[Box]:
    """Return the boxes of the figures of a skeleton image, coloured lines on black, from left to right.

    Lines that touch are one figure; what is smaller than a twentieth of the image's height is none.
    """
    drawn = (np.asarray(pose.convert("RGB")).max(axis=2) > DRAWN).astype(np.uint8)
    height, width = drawn.shape
    margin = MARGIN * max(height, width)
    # gaps of a line, as in small skeletons, do not divide a figure
    joined = cv2.dilate(drawn, np.ones((3, 3), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    boxes = []
    for left, top, wide, tall, _ in stats[1:].tolist():
        if tall < height / 20:
            continue
        sides = (left - margin, top - margin, left + wide + margin, top + tall + margin)
        across, down = (sides[0] / width, sides[2] / width), (sides[1] / height, sides[3] / height)
        boxes.append((max(0.0, across[0]), max(0.0, down[0]), min(1.0, across[1]), min(1.0, down[1])))
    return sorted(boxes)
