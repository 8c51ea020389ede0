"""The numbers of the first run of a spec or fine-tuning, or the data to infer them in older catalogs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.records import NumbersOwner
from storage.catalog.schema import Cell, FirstNumbers, Run, RunCell, Subject, Training


@dataclass(frozen=True)
class PastRun:
    """A spec's newest run with cells. `settings`: of one cell of each style; `trainings`: the fine-tuning recipes of
    these cells, by style, if any."""

    spec: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]
    trainings: Mapping[str, Mapping[str, Any]]


def first_numbers(s: Session, kind: NumbersOwner, name: str, profile: str) -> dict[str, Any] | None:
    """Return the profile's numbers stored for a spec or a subject; None if there are none."""
    return s.scalar(
        select(FirstNumbers.numbers).where(
            FirstNumbers.kind == kind, FirstNumbers.name == name, FirstNumbers.profile == profile
        )
    )


def past_run(s: Session, name: str, profile: str) -> PastRun | None:
    """Return the newest run with cells of the spec with this name and profile."""
    has_cells = select(RunCell.cell_id).where(RunCell.run_id == Run.id).exists()
    runs = select(Run.id, Run.spec).where(Run.name == name, has_cells).order_by(Run.started_at.desc())
    for run_id, spec in s.execute(runs):
        if spec.get("profile", "pocket") == profile:
            settings = _one_of_each_style(s, run_id)
            return PastRun(spec, settings, _trainings(s, settings))
    return None


def _one_of_each_style(s: Session, run_id: str) -> dict[str, dict[str, Any]]:
    """Return for each style the settings of the first cell of the grid."""
    first = (
        select(Subject.style, func.min(RunCell.position).label("position"))
        .join(Cell, Cell.subject_id == Subject.id)
        .join(RunCell, RunCell.cell_id == Cell.id)
        .where(RunCell.run_id == run_id)
        .group_by(Subject.style)
        .subquery()
    )
    rows = (
        select(first.c.style, Cell.settings)
        .join(RunCell, RunCell.position == first.c.position)
        .join(Cell, Cell.id == RunCell.cell_id)
        .where(RunCell.run_id == run_id)
    )
    return dict(s.execute(rows).all())


def _trainings(s: Session, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    digests = {style: one["checkpoint"] for style, one in settings.items() if one.get("checkpoint") is not None}
    chosen = select(Training.digest, Training.recipe).where(Training.digest.in_(list(digests.values())))
    recipes: dict[str, dict[str, Any]] = dict(s.execute(chosen).all())
    return {style: recipes[digest] for style, digest in digests.items() if digest in recipes}
