"""A masker by InSPyReNet: `inspyrenet`, which the paper uses for photographs.

Kim et al., "Revisiting Image Pyramid Structure for High Resolution Salient Object Detection", ACCV 2022. Pre- and
post-processing are those of its release transparent-background: the image resized to 1024 x 1024 (bilinear) and
normalised as ImageNet's; the output scaled to its range and resized back (bilinear, corner pixels aligned).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from dreamtuner.preprocess.backends.maskers.segmenter import Segmenter, normalised
from dreamtuner.preprocess.backends.onnx_session import Floats


class InspyrenetMasker(Segmenter):
    """Segments the most salient object by the model `inspyrenet`, whose backbone is Swin-B."""

    name = "inspyrenet"
    model = "inspyrenet"

    def soft(self, session: Any, image: Image.Image) -> Floats:
        """Return the output, scaled to its range, as (H, W) in 0..1 for an RGB image.

        An export that ends before the network's logistic function, with values outside 0..1, is given it.
        """
        found = self.run(session, normalised(image, self.side(session)))
        if found.min() < 0 or found.max() > 1:
            found = 1 / (1 + np.exp(-found.clip(-80, 80)))
        found = (found - found.min()) / (found.max() - found.min() + np.float32(1e-8))
        return _aligned(_aligned(found, image.height).T, image.width).T


def _aligned(values: Floats, count: int) -> Floats:
    """Return (N, M) values as (count, M), linearly interpolated so that the first and the last row stay."""
    at = np.linspace(0, len(values) - 1, count)
    low = np.minimum(at.astype(np.int64), max(len(values) - 2, 0))
    share = (at - low).astype(np.float32)[:, None]
    return np.asarray(values[low] * (1 - share) + values[np.minimum(low + 1, len(values) - 1)] * share)
