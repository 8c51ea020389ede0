"""The metrics by the profile's CLIP model (Table 1): CLIP-I, likeness to the reference, and CLIP-T, to the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import parts_digest, require_clip
from dreamtuner.score.likeness import Likeness, PromptLikeness

if TYPE_CHECKING:
    from dreamtuner.score.clip import ClipModel


class ClipMetric:
    """A metric that uses the profile's CLIP model.

    Increment `computation` when equal inputs would score differently.
    """

    computation = "1"
    models: ClassVar[tuple[str, ...]] = ()

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
class ClipI(Likeness, ClipMetric):
    """CLIP-I, subject fidelity, -1..1: the cosine of the embeddings of an image and the reference.

    As in Table 1, or ``masked``, with the reference's background white if it has a mask: that form does not reward a
    background that resembles the reference's.
    """

    @property
    def name(self) -> str:
        """clip_i or clip_i_masked."""
        return "clip_i_masked" if self.masked else "clip_i"


MASKED = ClipI(masked=True)


@dataclass(frozen=True)
class ClipT(PromptLikeness, ClipMetric):
    """CLIP-T, prompt fidelity, -1..1: the cosine of the embeddings of an image and its prompt."""

    name: ClassVar[str] = "clip_t"


def _clip_digest(profile: Profile) -> str:
    require_clip(profile)
    return parts_digest(profile, ("tower",))
