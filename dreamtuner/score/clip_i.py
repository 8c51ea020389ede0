"""CLIP-I: cosine of the CLIP embeddings of an image and the reference (Table 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from dreamtuner.preprocess.foreground import on_white
from dreamtuner.score.clip_metric import ClipMetric
from dreamtuner.score.metric import Input

if TYPE_CHECKING:
    from dreamtuner.score.clip import ClipModel


@dataclass(frozen=True)
class ClipI(ClipMetric):
    """Subject fidelity, -1..1: as in Table 1, or ``masked``, with the reference's background white if it has a mask.

    The masked form does not reward a background that resembles the reference's.
    """

    masked: bool = False

    @property
    def name(self) -> str:
        """clip_i or clip_i_masked."""
        return "clip_i_masked" if self.masked else "clip_i"

    @property
    def takes(self) -> tuple[Input, ...]:
        """The reference, and its mask in the masked form."""
        return ("reference", "reference_mask") if self.masked else ("reference",)

    def score(
        self,
        model: "ClipModel",
        images: Sequence[Image.Image],
        *,
        reference: Image.Image,
        reference_mask: Image.Image | None = None,
    ) -> list[float]:
        """Return one cosine per image. Raises ValueError if mask and reference differ in size."""
        if not images:
            return []
        alone = on_white(reference, reference_mask, name="reference_mask") if self.masked else reference
        target = model.embed_images([alone])
        cosines: list[float] = (model.embed_images(images) @ target[0]).tolist()
        return cosines


MASKED = ClipI(masked=True)
