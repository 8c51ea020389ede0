"""The metrics by the profile's CLIP model (Table 1): CLIP-I, likeness to the reference, and CLIP-T, to the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PIL import Image

from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import parts_digest, require_clip
from dreamtuner.preprocess.foreground import on_white
from dreamtuner.score.metric import Input

if TYPE_CHECKING:
    from dreamtuner.score.clip import ClipModel


class ClipMetric:
    """A metric that uses the profile's CLIP model.

    Increment `computation` when equal inputs would score differently.
    """

    computation = "1"

    def version(self, profile: Profile) -> str:
        """Return `<computation>-<first 12 digits of the CLIP model's digest>`. Raises WeightsMissingError."""
        return f"{self.computation}-{_clip_digest(profile)[:12]}"

    def missing(self, profile: Profile) -> list[str]:
        """Return a description of the CLIP model if it is missing."""
        there = (profile.tower / "config.json").is_file()
        return [] if there else ["tower (the CLIP model for scores; not needed with score: [])"]

    @staticmethod
    def load(profile: Profile, device: str) -> ClipModel:
        """Load the CLIP model, which all CLIP metrics share."""
        from dreamtuner.score.clip import load_clip

        return load_clip(profile, device=device)


@dataclass(frozen=True)
class ClipI(ClipMetric):
    """CLIP-I, subject fidelity, -1..1: the cosine of the embeddings of an image and the reference.

    As in Table 1, or ``masked``, with the reference's background white if it has a mask: that form does not reward a
    background that resembles the reference's.
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
        model: ClipModel,
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


@dataclass(frozen=True)
class ClipT(ClipMetric):
    """CLIP-T, prompt fidelity, -1..1: the cosine of the embeddings of an image and its prompt."""

    name: ClassVar[str] = "clip_t"
    takes: ClassVar[tuple[Input, ...]] = ("prompts",)

    def score(self, model: ClipModel, images: Sequence[Image.Image], *, prompts: Sequence[str]) -> list[float]:
        """Return the cosine of each image with its own prompt. Raises ValueError if the counts differ."""
        if len(prompts) != len(images):
            raise ValueError(f"prompts: {len(prompts)} for {len(images)} images; give one per image")
        if not images:
            return []
        cosines: list[float] = (model.embed_images(images) * model.embed_texts(prompts)).sum(-1).tolist()
        return cosines


def _clip_digest(profile: Profile) -> str:
    require_clip(profile)
    return parts_digest(profile, ("tower",))
