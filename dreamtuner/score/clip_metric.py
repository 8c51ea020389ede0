"""The base of the CLIP metrics: loads the profile's CLIP model and puts its digest into their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import parts_digest, require_clip

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


def _clip_digest(profile: Profile) -> str:
    require_clip(profile)
    return parts_digest(profile, ("tower",))
