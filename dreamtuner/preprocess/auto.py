"""The default masker: fills in the ground where it is plain, and otherwise uses GrabCut.

Measured on 64 drawings on plain grounds, 50 subjects of the pocket world on plain grounds, and 60 in its scenes: mean
intersection over union with the true masks 0.98, 0.93 and 0.91 (GrabCut alone: 0.63, 0.93 and 0.91); none of the 145
masks above the threshold is below 0.7 (of GrabCut's 13 are); flagged are 17 %, 4 % and 27 %. None of 200 scenes was
taken for a plain ground.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from PIL import Image

from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.grabcut import GrabCutMasker
from dreamtuner.preprocess.maskers import method_of
from dreamtuner.preprocess.plain import PlainMasker

PLAIN = 0.5  # plainness of a ground from which the filling has a say
AGREED = 0.85  # intersection over union from which the two maskers confirm each other
BLAME = 0.15  # share of its confidence that a filling loses if GrabCut finds something else altogether


@dataclass(frozen=True)
class AutoMasker:
    """Chooses a masker for each image; masks are recorded by the name of the one that made them.

    Attributes:
        plain, grabcut: the two.
        consistent: confidence of the filling from which it is used.
        threshold: confidence below which a filling is doubtful; GrabCut has its own.
    """

    plain: PlainMasker = field(default_factory=PlainMasker)
    grabcut: GrabCutMasker = field(default_factory=GrabCutMasker)
    consistent: float = 0.45
    threshold: float = 0.75

    name: ClassVar[str] = "auto"
    version: ClassVar[str] = "1"

    @property
    def methods(self) -> tuple[str, ...]:
        """Return how the masks that it gives may be recorded."""
        return method_of(self.plain), method_of(self.grabcut)

    def method_for(self, image: Image.Image) -> str:
        """Return how the mask of an RGB image would be recorded, without the slower of the two."""
        return method_of(self.plain if self._fills(*self.plain.examine(image)) else self.grabcut)

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Return the mask of an RGB image, of its size. Where the ground is not plain it is GrabCut's in all respects.

        Agreement of the two (intersection over union) raises the confidence of a filling, disagreement lowers it. Where
        the ground is plain but the filling is not consistent, GrabCut is trusted as far as the filling agrees.
        """
        (filled, plainness), grown = self.plain.examine(image), self.grabcut.cut(image)
        if plainness < PLAIN:
            return grown
        agreed = _iou(filled.mask, grown.mask)
        if self._fills(filled, plainness):
            confidence = filled.confidence * (1 - BLAME * (1 - agreed))
            if agreed >= AGREED:
                confidence = 1 - (1 - confidence) / 2
            return replace(filled, confidence=confidence, doubtful=confidence < self.threshold)
        confidence = grown.confidence * min(1.0, agreed / AGREED)
        return replace(grown, confidence=confidence, doubtful=confidence < self.grabcut.threshold)

    def _fills(self, filled: ForegroundMask, plainness: float) -> bool:
        return plainness >= PLAIN and filled.confidence >= self.consistent


def _iou(one: Image.Image, other: Image.Image) -> float:
    a, b = np.asarray(one) > 0, np.asarray(other) > 0
    return float((a & b).sum() / max(int((a | b).sum()), 1))
