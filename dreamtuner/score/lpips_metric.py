"""The metric by LPIPS: how alike an image and the reference are, place by place, to people's eyes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from PIL import Image

from dreamtuner.score.metric import Input
from dreamtuner.score.own_model import OwnModelMetric

if TYPE_CHECKING:
    from dreamtuner.score.lpips import LpipsModel


class LpipsSimilarity(OwnModelMetric):
    """1 - LPIPS of an image and the reference by AlexNet; 1 for equal images, and higher is better.

    LPIPS itself is a distance, lower is better: every score here grows with what is wanted, so that the order of a
    gallery and the bounds of a filter mean the same for each. The published number is 1 less this one.
    """

    name: ClassVar[str] = "lpips_alex_similarity"
    takes: ClassVar[tuple[Input, ...]] = ("reference",)
    models = ("alexnet", "lpips-alex")
    loader: ClassVar[str] = "dreamtuner.score.loaders:load_lpips"

    def score(self, model: LpipsModel, images: Sequence[Image.Image], *, reference: Image.Image) -> list[float]:
        """Return one similarity per image."""
        return [1 - one for one in model.distances(images, reference)] if images else []
