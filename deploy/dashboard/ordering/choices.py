"""What an order's form offers: subjects, profiles with their licences, metrics, backends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from deploy.dashboard.flow_parameters import CATALOG
from deploy.dashboard.prefect_api import PrefectApi
from dreamtuner.models.lineage import PurposeError, Weight, objections, stated_purpose
from dreamtuner.models.profiles import Profile, get_profile, profile_names
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
    """A profile with its licence in words. `refused`: why it does not allow the stated purpose.

    Of one that only the workers have nothing else is known here.
    """

    name: str
    licence: str
    url: str | None
    commercial: bool | None
    resolution: int | None
    refused: str


def profiles(prefect: PrefectApi) -> list[OfferedProfile]:
    """List the profiles that this machine knows, then those that only the workers know."""
    found = []
    for name in profile_names():
        try:
            one = get_profile(name)
        except (ValueError, OSError):
            continue  # `dreamtuner doctor` says what is wrong with it
        licence = one.licence
        refused = refused_profile(one)
        found.append(OfferedProfile(name, licence.name, licence.url, licence.commercial, one.resolution, refused))
    there = {one.name for one in found}
    return [*found, *(OfferedProfile(one, "", None, None, None, "") for one in of_workers(prefect) if one not in there)]


def of_workers(prefect: PrefectApi) -> list[str]:
    """List the profiles that the workers know, as their version of the flow says; none while Prefect is away."""
    schema = prefect.schema(CATALOG)
    definitions = {**(schema.get("definitions") or {}), **(schema.get("$defs") or {})}
    profile = ((definitions.get("Spec") or {}).get("properties") or {}).get("profile") or {}
    return [str(one) for one in profile.get("enum") or ()]


def metric_choices() -> list[str]:
    """List the names of the metrics."""
    return list(METRICS.names())


def refused_profile(profile: Profile) -> str:
    """Return why the licence of a profile does not allow the stated purpose; empty if it does, or none is stated."""
    try:
        found = objections([Weight(profile.name, "base", profile.licence)], stated_purpose())
    except PurposeError as error:
        return str(error)
    return "; ".join(str(one) for one in found)
