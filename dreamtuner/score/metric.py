"""What a metric is, and the version that its stored scores hang on. Torch is not needed to know either."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from PIL import Image

from dreamtuner.models.profiles import Profile
from dreamtuner.models.weights import demand_tower, digest_of

if TYPE_CHECKING:
    from dreamtuner.score.clip import Tower


class Metric(Protocol):
    """One score. `version` rises when equal inputs would score otherwise; the tower's weights are `score_version`'s."""

    @property
    def name(self) -> str:
        """The key under which the score is stored."""
        ...

    @property
    def version(self) -> str:
        """The version of the computation."""
        ...

    def score(
        self,
        tower: "Tower",
        images: Sequence[Image.Image],
        *,
        reference: Image.Image,
        reference_mask: Image.Image | None,
        prompts: Sequence[str],
    ) -> list[float]:
        """One number per image, higher is better. `prompts`: one per image, as drawn."""
        ...


def score_version(metric: Metric, profile: Profile) -> str:
    """What a stored score hangs on: `<metric's version>-<first 12 digits of the tower's digest>`. Loads nothing."""
    return f"{metric.version}-{digest_of(demand_tower(profile).parent, ('tower',))[:12]}"
