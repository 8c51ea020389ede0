"""What the CLIP metrics share: the profile's CLIP model, which scores, and its digest in their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import demand_tower, digest_of

if TYPE_CHECKING:
    from dreamtuner.score.clip import Tower


class ClipMetric:
    """Reads the profile's CLIP model. `computation` rises when equal inputs would score otherwise."""

    computation = "1"

    def version(self, profile: Profile) -> str:
        """Return `<computation>-<first 12 digits of the CLIP model's digest>`. Raises WeightsMissingError."""
        return f"{self.computation}-{digest_of(demand_tower(profile).parent, ('tower',))[:12]}"

    def missing(self, profile: Profile) -> list[str]:
        """Return the CLIP model where it is not there."""
        there = (profile.tower / "config.json").is_file()
        return [] if there else ["tower (it scores; score: [] does without)"]

    @staticmethod
    def load(profile: Profile, device: str) -> Tower:
        """Return the CLIP model, one for all CLIP metrics."""
        from dreamtuner.score.clip import load_tower

        return load_tower(profile, device=device)
