"""Finds people by YOLOX in ONNX, as the release of DWPose does: letterbox, grids decoded, non-maximum suppression.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021": boxes are predicted in cells of 8, 16 and 32 pixels.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.onnx_session import Floats, outputs_of

SIDE, GREY = 640, 114
STRIDES = (8, 16, 32)
PERSON = 0
"""COCO's class."""
OVERLAP, SCORE = 0.45, 0.3
"""Intersection over union from which a box is the same person; score from which there is one."""


def person_boxes(file: Path, version: str, bgr: Floats) -> Floats:
    """Return the boxes of people in an image, (H, W, 3) in 0..255: (N, 4), x1 y1 x2 y2 in pixels, the likeliest first.

    Raises PluginError if the file is no YOLOX for 640 pixels and COCO.
    """
    pixels, scale = letterboxed(bgr)
    found = outputs_of(file, version, pixels.transpose(2, 0, 1)[None])[0]
    cells = sum((SIDE // stride) ** 2 for stride in STRIDES)
    if found.ndim != 3 or found.shape[:2] != (1, cells) or found.shape[2] < 6:
        raise PluginError(f"{file} gave an output of shape {found.shape}, not (1, {cells}, 85); is it a YOLOX?")
    scores = found[0, :, 4] * found[0, :, 5 + PERSON]
    likely = scores > SCORE
    with np.errstate(over="ignore"):
        boxes = decoded(found[0, :, :4])[likely] / np.float32(scale)
    if not np.isfinite(boxes).all():
        raise PluginError(f"{file} gave boxes without an end; is it a YOLOX?")
    return boxes[suppressed(boxes, scores[likely])]


def letterboxed(bgr: Floats) -> tuple[Floats, float]:
    """Return the image in the upper left corner of a grey square, in proportion, and the factor it was resized by."""
    height, width = bgr.shape[:2]
    scale = min(SIDE / height, SIDE / width)
    inner = max(1, int(width * scale)), max(1, int(height * scale))
    square = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    square[: inner[1], : inner[0]] = cv2.resize(bgr.astype(np.uint8), inner, interpolation=cv2.INTER_LINEAR)
    return square.astype(np.float32), scale


def decoded(raw: Floats) -> Floats:
    """Return the corners x1 y1 x2 y2, (N, 4), of raw boxes: offset of the centre from the cell, logarithm of the size.

    Cells follow each other row by row, those of the smallest stride first.
    """
    sides = [SIDE // stride for stride in STRIDES]
    cells = np.concatenate([np.stack(np.meshgrid(np.arange(n), np.arange(n)), 2).reshape(-1, 2) for n in sides])
    strides = np.repeat(STRIDES, [n * n for n in sides])[:, None]
    centre, half = (raw[:, :2] + cells) * strides, np.exp(raw[:, 2:]) * strides / 2
    return np.concatenate([centre - half, centre + half], 1).astype(np.float32)


def suppressed(boxes: Floats, scores: Floats) -> list[int]:
    """Return the indices of the boxes that remain, the likeliest first, of several that overlap the likeliest."""
    order, kept = np.argsort(scores)[::-1], []
    while len(order):
        first, order = int(order[0]), order[1:]
        kept.append(first)
        order = order[overlaps(boxes[first], boxes[order]) <= OVERLAP]
    return kept


def overlaps(box: Floats, others: Floats) -> Floats:
    """Return intersection over union, (N,), of a box x1 y1 x2 y2 with others, (N, 4), whose last pixels count."""
    inner = np.concatenate([np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])], 1)
    both = _areas(inner)
    return both / (_areas(box[None]) + _areas(others) - both)


def _areas(boxes: Floats) -> Floats:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2] + 1, 0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)
