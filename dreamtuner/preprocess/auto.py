"""The default masker: fills in the ground where it is plain; elsewhere uses the best network, or else GrabCut.

The filling comes first because it is the better one there: on 64 drawings on plain grounds a real IS-Net has a mean
intersection over union with the true masks of 0.69 (white in white is beyond it), the filling 0.98; on 50 subjects of
the pocket world on plain grounds 0.90 and 0.93.

Without a network (mean of those that are not doubtful, and their number; none of these 182 is below 0.7): 60 drawings
on plain grounds 0.98 (0.98; 53), 60 pocket subjects on plain grounds 0.93 (0.94; 58), 60 in scenes on which no constant
was chosen 0.89 (0.92; 40), 72 subjects cut out of photographs, on blurred, plain and textured backgrounds, 0.86 (0.96;
31).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from dreamtuner.preprocess.foreground import ForegroundMask
from dreamtuner.preprocess.grabcut import GrabCutMasker
from dreamtuner.preprocess.maskers import Masker, method_of
from dreamtuner.preprocess.plain import PlainMasker

PLAIN = 0.5  # plainness of a ground from which the filling has a say
AGREED = 0.85  # intersection over union from which two maskers confirm each other
BLAME = 0.15  # share of its confidence that a filling loses if GrabCut finds something else altogether


@dataclass(frozen=True)
class AutoMasker:
    """Chooses a masker for each image; masks are recorded by the name of the one that made them.

    Attributes:
        plain, grabcut: those that need no model.
        consistent: confidence of the filling from which it is used.
        threshold: confidence below which a filling is doubtful; the others have their own.
        style: the style of the references; None: not known.
    """

    plain: PlainMasker = field(default_factory=PlainMasker)
    grabcut: GrabCutMasker = field(default_factory=GrabCutMasker)
    consistent: float = 0.45
    threshold: float = 0.75
    style: str | None = None

    name: ClassVar[str] = "auto"

    @property
    def version(self) -> str:
        """Return "2", with the network if one is used: images that are cut out by `auto` are recorded by it."""
        network = _best_network(self.style)
        return "2" if network is None else f"2+{method_of(network)}"

    @property
    def methods(self) -> tuple[str, ...]:
        """Return how the masks that it gives may be recorded."""
        return method_of(self.plain), method_of(self._other())

    def for_style(self, style: str) -> AutoMasker:
        """Return the masker for references of a style: an anime segmenter comes first for `anime`."""
        return replace(self, style=style)

    def method_for(self, image: Image.Image) -> str:
        """Return how the mask of an RGB image would be recorded, without running the slower of the two."""
        return method_of(self.plain if self._fills(*self.plain.examine(image)) else self._other())

    def cut(self, image: Image.Image) -> ForegroundMask:
        """Return the mask of an RGB image, of its size. Where the ground is not plain it is the other masker's.

        Agreement of the two (intersection over union) raises the confidence of a filling. Disagreement lowers it: with
        GrabCut a little, with a network that is sure of its own mask as far as they disagree. Where the ground is plain
        but the filling is not consistent, the other is used; GrabCut is trusted as far as the filling is consistent and
        agrees.

        Raises PluginError if the network's file is no such model.
        """
        (filled, plainness), other = self.plain.examine(image), self._other()
        found = other.cut(image)
        if plainness < PLAIN:
            return found
        agreed = _iou(filled.mask, found.mask)
        trust = min(1.0, agreed / AGREED)
        if self._fills(filled, plainness):
            confidence = filled.confidence
            if agreed >= AGREED:
                confidence = 1 - (1 - confidence) / 2
            elif other is self.grabcut:
                confidence *= 1 - BLAME * (1 - agreed)
            elif not found.doubtful:
                confidence *= trust
            return replace(filled, confidence=confidence, doubtful=confidence < self.threshold)
        if other is not self.grabcut:
            return found
        confidence = found.confidence * trust * (1 + filled.confidence / self.consistent) / 2
        return replace(found, confidence=confidence, doubtful=confidence < self.grabcut.threshold)

    def _other(self) -> Masker:
        return _best_network(self.style) or self.grabcut

    def _fills(self, filled: ForegroundMask, plainness: float) -> bool:
        return plainness >= PLAIN and filled.confidence >= self.consistent


def _iou(one: Image.Image, other: Image.Image) -> float:
    a, b = np.asarray(one) > 0, np.asarray(other) > 0
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def _best_network(style: str | None) -> Masker | None:
    """Return the best network for references of a style; loads no backend where no model is on this machine."""
    home = Path(os.environ.get("DREAMTUNER_HOME") or ".dreamtuner").expanduser()
    named = any(re.fullmatch(r"DREAMTUNER_\w+_WEIGHTS", name) for name, place in os.environ.items() if place)
    if not named and not any((home / "models").glob("*.lock.json")):
        return None
    from dreamtuner.preprocess.backends.maskers.ranking import best_network

    return best_network(style)
