"""Finds the 133 keypoints of a person in a box by RTMPose in ONNX, as the release of DWPose does.

Jiang et al., "RTMPose", 2023: the box is cropped by an affine map, and each coordinate is the maximum of a
one-dimensional distribution (SimCC) with two bins a pixel.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.onnx_session import Floats, outputs_of

WIDTH, HEIGHT = 288, 384
MARGIN = 1.25
"""Side of the crop over that of the box."""
BINS = 2
"""Bins a pixel."""
POINTS = 133
"""COCO-WholeBody: 17 of the body, 6 of the feet, 68 of the face, 21 of the left hand and 21 of the right one."""
MEAN: Floats = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION: Floats = np.array([58.395, 57.12, 57.375], np.float32)


class Keypoints(NamedTuple):
    """Keypoints of a person: places x y in pixels, (K, 2), and their scores, (K,), about 0..1."""

    places: Floats
    scores: Floats


def keypoints_in(file: Path, version: str, bgr: Floats, box: Floats) -> Keypoints:
    """Return the keypoints of the person in a box x1 y1 x2 y2 of an image (H, W, 3) in 0..255.

    Channels are given as the release gives them, BGR. Raises PluginError if the file is no such model.
    """
    centre, size = crop(box)
    pixels = (cropped(bgr, centre, size) - MEAN) / DEVIATION
    found = outputs_of(file, version, pixels.transpose(2, 0, 1)[None])
    shapes = [one.shape for one in found]
    if shapes != [(1, POINTS, WIDTH * BINS), (1, POINTS, HEIGHT * BINS)]:
        raise PluginError(f"{file} gave outputs of the shapes {shapes}; use DWPose's dw-ll_ucoco_384.onnx")
    places, scores = maxima(found[0][0], found[1][0])
    return Keypoints((places / (WIDTH, HEIGHT) * size + centre - size / 2).astype(np.float32), scores)


def crop(box: Floats) -> tuple[Floats, Floats]:
    """Return centre and size, x y in pixels, of what is cropped: the box with a margin, in the model's proportions."""
    centre, (width, height) = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * MARGIN
    width, height = max(width, height * WIDTH / HEIGHT), max(height, width * HEIGHT / WIDTH)
    return centre.astype(np.float32), np.array([width, height], np.float32)


def cropped(bgr: Floats, centre: Floats, size: Floats) -> Floats:
    """Return what is cropped as (HEIGHT, WIDTH, 3), bilinear, black outside the image."""
    scale = WIDTH / float(size[0])
    shift = np.array([WIDTH / 2, HEIGHT / 2]) - scale * centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    found = cv2.warpAffine(bgr.astype(np.uint8), matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    return np.asarray(found, dtype=np.float32)


def maxima(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the places x y in the crop's pixels, (K, 2), and the scores, (K,), of distributions (K, W) and (K, H).

    The score is the smaller one of the two maxima.
    """
    places = np.stack([x.argmax(1), y.argmax(1)], 1) / BINS
    return places.astype(np.float32), np.minimum(x.max(1), y.max(1))
