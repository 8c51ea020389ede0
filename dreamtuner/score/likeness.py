"""The two forms of a cosine: of an image and the reference, and of an image and its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from PIL import Image

from dreamtuner.preprocess.foreground import on_white
from dreamtuner.score.metric import Input

if TYPE_CHECKING:
    from torch import Tensor


class ImageModel(Protocol):
    """A model that embeds images."""

    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Embed N images as N D unit vectors, float32, on the CPU."""
        ...


class TextModel(ImageModel, Protocol):
    """A model that embeds images and texts in one space."""

    def embed_texts(self, prompts: Sequence[str]) -> Tensor:
        """Embed N prompts as N D unit vectors, float32, on the CPU."""
        ...


@dataclass(frozen=True)
class Likeness:
    """Likeness to the reference, -1..1: the cosine of the embeddings of an image and the reference.

    ``masked``: the reference's background is white if it has a mask. The image is always whole.
    """

    masked: bool = False

    @property
    def takes(self) -> tuple[Input, ...]:
        """The reference, and its mask in the masked form."""
        return ("reference", "reference_mask") if self.masked else ("reference",)

    def score(
        self,
        model: ImageModel,
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


class PromptLikeness:
    """Likeness to the prompt, -1..1: the cosine of the embeddings of an image and its prompt."""

    takes: ClassVar[tuple[Input, ...]] = ("prompts",)

    def score(self, model: TextModel, images: Sequence[Image.Image], *, prompts: Sequence[str]) -> list[float]:
        """Return the cosine of each image with its own prompt. Raises ValueError if the counts differ."""
        if len(prompts) != len(images):
            raise ValueError(f"prompts: {len(prompts)} for {len(images)} images; give one per image")
        if not images:
            return []
        cosines: list[float] = (model.embed_images(images) * model.embed_texts(prompts)).sum(-1).tolist()
        return cosines
