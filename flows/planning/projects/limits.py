"""The project of a run: which one it is, what its images are for, and what it may still spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dreamtuner.models.licences import PURPOSE, Purpose
from dreamtuner.models.lineage import PurposeError, read_purpose, stated_purpose
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from storage.catalog.records import CatalogError

if TYPE_CHECKING:
    from storage.catalog import Catalog
    from storage.catalog.views import ProjectView, Quota


def project_of(spec: Spec, catalog: Catalog | None) -> ProjectView | None:
    """Return the project that the spec names, else that of its subjects; None: it is everybody's.

    Raises InputError for an unknown project, and for subjects of another one or of several.
    """
    if catalog is None:
        if spec.project is not None:
            raise _problem(spec, f"{spec.project!r} is not a project; there is no catalog yet")
        return None
    from storage.catalog import views  # only where there is a catalog

    try:
        with catalog.read() as s:
            return views.project_of_order(s, spec.project, [one.name for one in spec.subjects])
    except CatalogError as error:
        raise _problem(spec, str(error).removeprefix("project: ")) from error


@dataclass(frozen=True)
class StatedPurpose:
    """What images are for, and where that is stated: a project, or DREAMTUNER_PURPOSE."""

    purpose: Purpose
    where: str


def purpose_of(project: ProjectView | None) -> StatedPurpose | None:
    """Return the project's purpose, else that of DREAMTUNER_PURPOSE; None: neither states one. Raises PurposeError."""
    if project is not None and project.purpose:
        stated = f"the purpose of project {project.name!r}"
        purpose = read_purpose(project.purpose, stated)
        return None if purpose is None else StatedPurpose(purpose, stated)
    purpose = stated_purpose()
    return None if purpose is None else StatedPurpose(purpose, PURPOSE)


def purpose_of_spec(spec: Spec, catalog: Catalog | None) -> StatedPurpose | None:
    """Return what the images of a spec are for, as `purpose_of`. Raises InputError."""
    try:
        return purpose_of(project_of(spec, catalog))
    except PurposeError as error:
        raise InputError("settings", [Problem(path=(), message=str(error))]) from error


def demand_quota(spec: Spec, quota: Quota | None, estimate: float | None) -> None:
    """Raise InputError if a run takes more device-seconds than its project has left this month.

    `estimate`: device-seconds of the run; None: unknown, so it is refused only if nothing is left.
    """
    from storage.catalog import views

    if said := views.over_quota(quota, estimate):
        raise _problem(spec, said.removeprefix("project: "))


def _problem(spec: Spec, message: str) -> InputError:
    return InputError(f"spec {spec.name!r}", [Problem(path=("project",), message=message)])
