"""CLIP-T: cosine of the CLIP embeddings of an image and its prompt (Table 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PIL import Image

from dreamtuner.score.clip_metric import ClipMetric
from dreamtuner.score.metric import Input

if TYPE_CHECKING:
    from dreamtuner.score.clip import ClipModel


@dataclass(frozen=True)
class ClipT(ClipMetric):
    """Prompt fidelity, -1..1."""

    name: ClassVar[str] = "clip_t"
    takes: ClassVar[tuple[Input, ...]] = ("prompts",)

    def score(self, model: "ClipModel", images: Sequence[Image.Image], *, prompts: Sequence[str]) -> list[float]:
        """Return the cosine of each image with its own prompt. Raises ValueError if the counts differ."""
        if len(prompts) != len(images):
            raise ValueError(f"prompts: {len(prompts)} for {len(images)} images; give one per image")
        if not images:
            return []
        cosines: list[float] = (model.embed_images(images) * model.embed_texts(prompts)).sum(-1).tolist()
        return cosines
