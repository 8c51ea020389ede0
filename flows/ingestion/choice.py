"""Which masker, captioner and estimators ingestion uses: the spec's, else the settings', the profile's, or built in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dreamtuner.models.layouts import Kind, kinds_of
from dreamtuner.models.profiles import Profile
from dreamtuner.preprocess.captioners import DEFAULT_CAPTIONER
from dreamtuner.preprocess.maskers import DEFAULT_MASKER
from flows.settings import Settings

if TYPE_CHECKING:
    from flows.spec.model import Spec


@dataclass(frozen=True)
class StatedEyes:
    """The masker, the captioner and the estimators by kind of control image that a spec names; None: not named."""

    masker: str | None = None
    captioner: str | None = None
    estimators: Mapping[Kind, str] = field(default_factory=dict)


def stated_eyes(spec: "Spec") -> StatedEyes:
    """Return what a spec names."""
    return StatedEyes(spec.masker, spec.captioner, spec.estimators)


@dataclass(frozen=True)
class IngestionChoice:
    """The names of the masker, the captioner, and the estimators by kind of control image.

    `usual_captioner`: the captioner without what the spec names; `kinds`: the kinds of control image that the profile
    has a ControlNet for.
    """

    masker: str
    captioner: str
    estimators: Mapping[Kind, str]
    usual_captioner: str = DEFAULT_CAPTIONER
    kinds: tuple[Kind, ...] = ()


BUILT_IN = IngestionChoice(DEFAULT_MASKER, DEFAULT_CAPTIONER, {})
"""What is used where nothing is named."""


def ingestion_choice(
    settings: Settings, profile: Profile | None = None, stated: StatedEyes | None = None
) -> IngestionChoice:
    """Return what ingestion uses in a run with this profile.

    What the spec names (`stated`) comes first, then what a variable of the environment names, then the profile's.
    """
    stated = stated or StatedEyes()
    masker, captioner, estimators = (
        (None, None, {}) if profile is None else (profile.masker, profile.captioner, profile.estimators)
    )
    usual = settings.captioner or captioner or DEFAULT_CAPTIONER
    return IngestionChoice(
        stated.masker or settings.masker or masker or DEFAULT_MASKER,
        stated.captioner or usual,
        {**estimators, **dict(settings.estimators), **stated.estimators},
        usual,
        () if profile is None else tuple(kinds_of(profile)),
    )
