"""What maskers by a network in ONNX share: the file, its input and output, the threshold and the confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from dreamtuner.models.auxiliary.place import auxiliary_variable
from dreamtuner.plugins import PluginError
from dreamtuner.preprocess.backends.auxiliary import AuxiliaryBackend
from dreamtuner.preprocess.backends.onnx_session import Floats, opened, ran
from dreamtuner.preprocess.foreground import ForegroundMask

SIDE = 1024
"""Pixels of a side of a model's input where the model does not state them."""

SUBJECT = 0.5
"""Probability above which a pixel belongs to the subject, for every network."""

SURE, UNLIKELY = 0.9, 0.1

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
"""Mean and deviation of ImageNet's channels, for values in 0..1."""


class Segmenter(AuxiliaryBackend):
    """Segments the subject by a network that takes (1, 3, S, S) and gives (1, 1, S, S); a subclass brings `soft`.

    Confidence is the share of pixels above 0.9 among those above 0.1: low where the network is of two minds.
    The threshold was measured with an IS-Net: of 79 of 141 masks of drawings and of the pocket world that were above
    it, 3 were wrong (below 0.7), all on plain grounds, which `auto` leaves to the filling. It was not measured with the
    other networks.
    """

    name: str
    threshold = 0.75

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Return the mask of an RGB image, of its size.

        Raises:
            WeightsMissingError: the model is not on this machine.
            PluginError: onnxruntime is not installed, or the file is no such model.
        """
        version = self.version
        soft = self.soft(opened(self.place(), version), image.convert("RGB"))
        confidence = certainty(soft)
        mask = Image.fromarray(np.where(soft > SUBJECT, 255, 0).astype(np.uint8))
        return ForegroundMask(mask, confidence, f"{self.name}-{version}", doubtful=confidence < self.threshold)

    def soft(self, session: Any, image: Image.Image) -> Floats:
        """Return the probability 0..1 of the subject, (H, W), for an RGB image."""
        raise NotImplementedError

    def side(self, session: Any) -> int:
        """Return S, which the model states or else is `SIDE`. Raises PluginError unless it takes (1, 3, S, S)."""
        inputs = session.get_inputs()
        shape = inputs[0].shape
        stated = [one for one in shape[2:] if isinstance(one, int)]
        if len(inputs) != 1 or len(shape) != 4 or shape[1] not in (3, None) or len(set(stated)) > 1:
            raise self._other(f"takes {', '.join(str(one.shape) for one in inputs)}")
        return stated[0] if stated else SIDE

    def run(self, session: Any, pixels: Floats) -> Floats:
        """Return the model's first output, (S, S), for pixels of shape (S, S, 3)."""
        side = len(pixels)
        found = ran(session, {session.get_inputs()[0].name: pixels.transpose(2, 0, 1)[None]})[0]
        if found.shape != (1, 1, side, side):
            raise self._other(f"gives {list(found.shape)}")
        return np.asarray(found[0, 0])

    def _other(self, what: str) -> PluginError:
        return PluginError(
            f"the model of the masker {self.name} {what}, not one image (1, 3, S, S) and one mask (1, 1, S, S); "
            f"run: dreamtuner models fetch {self.model}, or set {auxiliary_variable(self.model)} to such a file"
        )


def certainty(soft: Floats) -> float:
    """Return the share of probabilities (H, W) above `SURE` among those above `UNLIKELY`, 0..1; 0 if there are none."""
    likely = int((soft > UNLIKELY).sum())
    return int((soft > SURE).sum()) / likely if likely else 0.0


def normalised(image: Image.Image, side: int) -> Floats:
    """Return an RGB image at (S, S, 3), resized by Pillow (bilinear), normalised by ImageNet's mean and deviation."""
    resized = image.resize((side, side), Image.Resampling.BILINEAR)
    return (np.asarray(resized, dtype=np.float32) / np.float32(255) - MEAN) / DEVIATION
