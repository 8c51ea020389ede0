"""What the CLIP metrics share: the profile's CLIP model, which scores, and its digest in their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import digest_of, require_clip

if TYPE_CHECKING:
    from dreamtuner.score.clip import ClipModel


class ClipMetric:
    """Reads the profile's CLIP model. `computation` rises when equal inputs would score otherwise."""

    computation = "1"

    def version(self, profile: Profile) -> str:
        """Return `<computation>-<first 12 digits of the CLIP model's digest>`. Raises WeightsMissingError."""
        return f"{self.computation}-{digest_of(require_clip(profile).parent, ('tower',))[:12]}"

    def missing(self, profile: Profile) -> list[str]:
        """Return the CLIP model where it is not there."""
        there = (profile.tower / "config.json").is_file()
        return [] if there else ["tower (it scores; score: [] does without)"]

    @staticmethod
    def load(profile: Profile, device: str) -> ClipModel:
        """Return the CLIP model, one for all CLIP metrics."""
        from dreamtuner.score.clip import load_clip

        return load_clip(profile, device=device)
