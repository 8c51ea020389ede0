"""Generated outputs that a version of a metric has not scored: of a run, among some, or of a choice of the catalog."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import as_records, chunks
from storage.catalog.records import UnscoredOutput
from storage.catalog.schema import Cell, CellSubject, Mask, Output, Profile, Reference, RunCell, Score


@dataclass(frozen=True)
class OutputChoice:
    """Which generated outputs: those of these runs, and of this subject; None is no condition."""

    run_ids: tuple[str, ...] | None = None
    subject_id: int | None = None


def unscored(s: Session, run_id: str, metric: str, version: str) -> list[UnscoredOutput]:
    """List the run's generated outputs that this version of `metric` has not scored, grouped by reference."""
    chosen = _unscored(metric, version).join(RunCell, RunCell.cell_id == Cell.id).where(RunCell.run_id == run_id)
    return as_records(UnscoredOutput, s.execute(chosen.order_by(Reference.id, RunCell.position)))


def unscored_among(s: Session, output_ids: Sequence[int], metric: str, version: str) -> list[UnscoredOutput]:
    """List the unscored ones among these outputs, by id."""
    rows = [
        row
        for part in chunks(sorted(output_ids))
        for row in s.execute(_unscored(metric, version).where(Output.id.in_(part)).order_by(Output.id))
    ]
    return as_records(UnscoredOutput, rows)


def unscored_of(s: Session, choice: OutputChoice, profile: str, metric: str, version: str) -> list[UnscoredOutput]:
    """List the unscored outputs of a choice that this profile generated, grouped by reference."""
    rows = _chosen(_unscored(metric, version).join(Profile, Profile.id == Cell.profile_id), choice)
    return as_records(UnscoredOutput, s.execute(rows.where(Profile.name == profile).order_by(Reference.id, Output.id)))


def outputs_of_choice(s: Session, choice: OutputChoice, profile: str) -> Sequence[int]:
    """List the generated outputs of a choice that this profile generated."""
    rows = select(Output.id).join(Cell, and_(Cell.id == Output.cell_id, Cell.state == "generated"))
    rows = rows.join(Profile, Profile.id == Cell.profile_id).where(Profile.name == profile)
    return s.scalars(_chosen(rows, choice).order_by(Output.id)).all()


def outputs_by_profile(s: Session, choice: OutputChoice) -> dict[str, int]:
    """Count the generated outputs of a choice by the name of their profile, in alphabetical order."""
    rows = select(Profile.name, func.count(Output.id)).select_from(Output)
    rows = rows.join(Cell, and_(Cell.id == Output.cell_id, Cell.state == "generated"))
    counts = _chosen(rows.join(Profile, Profile.id == Cell.profile_id), choice).group_by(Profile.name)
    return {name: int(number) for name, number in s.execute(counts.order_by(Profile.name))}


def _chosen(rows: Select[*tuple[Any, ...]], choice: OutputChoice) -> Select[*tuple[Any, ...]]:
    """Restrict a selection of cells to a choice."""
    if choice.run_ids is not None:
        of_runs = select(RunCell.cell_id).where(RunCell.cell_id == Cell.id, RunCell.run_id.in_(choice.run_ids))
        rows = rows.where(of_runs.exists())
    if choice.subject_id is not None:
        shows = (CellSubject.cell_id == Cell.id, CellSubject.subject_id == choice.subject_id)
        rows = rows.where(select(CellSubject.cell_id).where(*shows).exists())
    return rows


def _unscored(metric: str, version: str) -> Select[*tuple[Any, ...]]:
    """Select generated outputs that the metric has not scored, as the columns of UnscoredOutput."""
    done = select(Score.id).where(Score.output_id == Output.id, Score.metric == metric, Score.version == version)
    columns = (Output.id.label("output_id"), Cell.digest, Output.image_sha256, Cell.prompt)
    chosen: Select[*tuple[Any, ...]] = select(*columns, Reference.id.label("reference_id"))
    return (
        chosen.add_columns(Reference.image_sha256.label("reference_sha256"), Mask.mask_sha256)
        .add_columns(Cell.settings["checkpoint"].as_string().label("training"))
        .add_columns(Cell.settings[("sampling", "prompt_syntax")].as_string().label("prompt_syntax"))
        .add_columns(Cell.settings["scene"].label("scene"))
        .join(Cell, and_(Cell.id == Output.cell_id, Cell.state == "generated"))
        .join(Reference, Reference.id == Cell.reference_id)
        .outerjoin(Mask, Mask.id == Cell.mask_id)
        .where(~done.exists())
    )
