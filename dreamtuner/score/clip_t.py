"""CLIP-T: cosine of the image embedding of a picture and the text embedding of its prompt (Table 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from dreamtuner.score.clip import Tower


@dataclass(frozen=True)
class ClipT:
    """Prompt fidelity, -1..1."""

    name: str = "clip_t"
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
        """One cosine per image with its own prompt; the reference does not count. ValueError when the counts differ."""
        if len(prompts) != len(images):
            raise ValueError(f"prompts: {len(prompts)} for {len(images)} images; give one per image")
        if not images:
            return []
        cosines: list[float] = (tower.embed_images(images) * tower.embed_texts(prompts)).sum(-1).tolist()
        return cosines
