"""Which masker, captioner and estimators ingestion uses: those of the settings, else of the profile, else built in."""

from collections.abc import Mapping
from dataclasses import dataclass

from dreamtuner.models.layouts import Kind
from dreamtuner.models.profiles import Profile
from dreamtuner.preprocess.captioners import DEFAULT_CAPTIONER
from dreamtuner.preprocess.maskers import DEFAULT_MASKER
from flows.settings import Settings


@dataclass(frozen=True)
class IngestionChoice:
    """The names of the masker, the captioner, and the estimators by kind of control image."""

    masker: str
    captioner: str
    estimators: Mapping[Kind, str]


def ingestion_choice(settings: Settings, profile: Profile | None = None) -> IngestionChoice:
    """Return what ingestion uses in a run with this profile. What a variable of the environment names comes first."""
    masker, captioner, estimators = (
        (None, None, {}) if profile is None else (profile.masker, profile.captioner, profile.estimators)
    )
    return IngestionChoice(
        settings.masker or masker or DEFAULT_MASKER, settings.captioner or captioner or DEFAULT_CAPTIONER, estimators
    )
