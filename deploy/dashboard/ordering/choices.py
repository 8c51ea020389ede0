"""What an order's form offers: subjects, profiles with their licences, metrics, backends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from deploy.dashboard.ordering.check import refused_profile
from dreamtuner.models.profiles import get_profile, profile_names
from dreamtuner.score import METRICS
from storage.catalog import views
from storage.catalog.views import SubjectRow


@dataclass(frozen=True)
class OfferedSubjects:
    """Subjects to choose from. `chosen`: those of the order; `others`: those that contain what was looked for."""

    chosen: Sequence[SubjectRow]
    others: Sequence[SubjectRow]
    more: bool


def choices(s: Session, chosen: Sequence[str], words: str, *, most: int) -> OfferedSubjects:
    """Return the subjects that a form lists: of the chosen ones and of the others at most `most` each."""
    found = views.find_subjects(s, words, most + 1)
    there = set(chosen)
    others = [one for one in found[:most] if one.name not in there]
    return OfferedSubjects(views.subjects_named(s, chosen[: 4 * most]), others, len(found) > most)


@dataclass(frozen=True)
class OfferedProfile:
    """A profile with its licence in words. `refused`: why it does not allow the stated purpose."""

    name: str
    licence: str
    url: str | None
    commercial: bool | None
    resolution: int
    refused: str


def profiles() -> list[OfferedProfile]:
    """List the profiles that this machine knows."""
    found = []
    for name in profile_names():
        try:
            one = get_profile(name)
        except (ValueError, OSError):
            continue  # `dreamtuner doctor` says what is wrong with it
        licence = one.licence
        refused = refused_profile(one)
        found.append(OfferedProfile(name, licence.name, licence.url, licence.commercial, one.resolution, refused))
    return found


def metric_choices() -> list[str]:
    """List the names of the metrics."""
    return list(METRICS.names())
