"""Maskers by BiRefNet: `birefnet`, and the smaller `birefnet-lite`.

Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI AIR 2024. Pre- and
post-processing are those of its release: the image resized to 1024 x 1024 (bilinear) and normalised as ImageNet's;
the logistic function of the output, in 256 steps, resized back (bicubic).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from dreamtuner.preprocess.backends.maskers.segmenter import Segmenter, normalised
from dreamtuner.preprocess.backends.onnx_session import Floats


class BirefnetMasker(Segmenter):
    """Segments the most salient object by the model `birefnet`, whose backbone is Swin-L."""

    name = "birefnet"
    model = "birefnet"

    def soft(self, session: Any, image: Image.Image) -> Floats:
        """Return probabilities 0..1 of shape (H, W) for an RGB image."""
        logits = self.run(session, normalised(image, self.side(session)))
        found = 1 / (1 + np.exp(-logits.clip(-80, 80)))
        grey = Image.fromarray((found * 255).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
        return np.asarray(grey, dtype=np.float32) / np.float32(255)


class BirefnetLiteMasker(BirefnetMasker):
    """Segments the most salient object by the model `birefnet-lite`, whose backbone is Swin-T."""

    name = "birefnet-lite"
    model = "birefnet-lite"
