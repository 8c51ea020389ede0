"""CLIP-I: cosine of the image embeddings of a picture and the reference (Table 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from dreamtuner.score.tower import Tower


@dataclass(frozen=True)
class ClipI:
    """Subject fidelity, -1..1. With a mask the reference's background is white, so that its subject is compared."""

    name: str = "clip_i"
    version: str = "1"

    def score(
        self,
        tower: "Tower",
        images: Sequence[Image.Image],
        *,
        reference: Image.Image,
        reference_mask: Image.Image | None,
        prompts: Sequence[str],
    ) -> list[float]:
        """One cosine per image; the prompts do not count. ValueError when mask and reference differ in size."""
        if not images:
            return []
        target = tower.embed_images([on_white(reference, reference_mask)])
        cosines: list[float] = (tower.embed_images(images) @ target[0]).tolist()
        return cosines


def on_white(reference: Image.Image, mask: Image.Image | None) -> Image.Image:
    """The reference with everything outside its mask (L, 255 subject) white; without a mask, as it is."""
    if mask is None:
        return reference
    if mask.size != reference.size:
        raise ValueError(f"reference_mask: {mask.size} pixels, but the reference has {reference.size}; give one size")
    white = Image.new("RGB", reference.size, "white")
    return Image.composite(reference.convert("RGB"), white, mask.convert("L"))
