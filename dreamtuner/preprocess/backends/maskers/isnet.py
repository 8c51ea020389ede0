"""Maskers by IS-Net: any object (`isnet`) and anime characters (`anime`).

Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022. Pre- and post-processing are those of the two
releases: DIS (the image resized to 1024 x 1024, less 0.5; the output scaled to its range) and SkyTNT's
anime-segmentation (resized to 1024 pixels at the longer side, padded with black; the output as it is).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from PIL import Image

from dreamtuner.preprocess.backends.maskers.segmenter import Segmenter
from dreamtuner.preprocess.backends.onnx_session import Floats


class IsnetMasker(Segmenter):
    """Segments the most salient object by the model `isnet`."""

    name = "isnet"
    model = "isnet"

    def soft(self, session: Any, image: Image.Image) -> Floats:
        """Return the output, scaled to its range, as (H, W) in 0..1 for an RGB image."""
        side = self.side(session)
        found = self.run(session, cv2.resize(_unit(image), (side, side)) - np.float32(0.5))
        resized = np.asarray(cv2.resize(found, image.size), dtype=np.float32)
        low, high = float(resized.min()), float(resized.max())
        return (resized - np.float32(low)) / np.float32(max(high - low, 1e-9))


class AnimeMasker(Segmenter):
    """Segments anime characters by the model `anime-seg`."""

    name = "anime"
    model = "anime-seg"

    def soft(self, session: Any, image: Image.Image) -> Floats:
        """Return probabilities 0..1 of shape (H, W) for an RGB image."""
        side = self.side(session)
        scale = side / max(image.size)
        width, height = (max(1, int(scale * one)) for one in image.size)
        top, left = (side - height) // 2, (side - width) // 2
        padded = np.zeros((side, side, 3), np.float32)
        padded[top : top + height, left : left + width] = cv2.resize(_unit(image), (width, height))
        found = self.run(session, padded)[top : top + height, left : left + width]
        return np.asarray(cv2.resize(found, image.size), dtype=np.float32).clip(0, 1)


def _unit(image: Image.Image) -> Floats:
    return np.asarray(image, dtype=np.float32) / np.float32(255)
