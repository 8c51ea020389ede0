"""Forgets an image or a run with its dependents. `forget_subject.py` forgets a subject."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.database.sql import chunks
from storage.catalog.narrowing import everything, viewer_of
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.schema import Cell, Output, Run, RunCell
from storage.catalog.views.runs.missing_cells import unwanted_cells
from storage.catalog.writes.audit import record_audit
from storage.catalog.writes.forgetting.erase import Erased, clear_runs, end, erase_cells, erase_run, with_edits
from storage.catalog.writes.forgetting.redact import clear_queues
from storage.catalog.writes.runs.dead import close_crashed_runs

SILENT_SECONDS = 600.0


def forget_output(s: Session, output_id: int, *, actor: str, silent_seconds: float = SILENT_SECONDS) -> Erased:
    """Delete an image with its cell, scores, reviews, attention maps and history, and the sheets that showed it.

    Images that were edited from it are deleted too. A run of its spec would regenerate it. Raises CatalogError while a
    run that requested one of them is in progress.
    """
    cell_id = s.scalar(select(Output.cell_id).where(Output.id == output_id))
    if cell_id is None:
        raise NotInCatalogError(f"output {output_id} is not in the catalog; the gallery lists all outputs")
    with everything(s):
        cells = with_edits(s, [cell_id])
    demand_seen(s, select(RunCell.run_id).where(RunCell.cell_id.in_(cells)), f"output {output_id}")
    with everything(s):
        return _output(s, output_id, cells, actor=actor, silent_seconds=silent_seconds)


def _output(s: Session, output_id: int, cells: Sequence[int], *, actor: str, silent_seconds: float) -> Erased:
    close_crashed_runs(s, silent_seconds)
    _at_rest(s, cells, f"output {output_id}")
    erased = Erased()
    gone = outputs_of(s, cells)
    erase_cells(s, cells, erased)
    clear_runs(s, erased.runs, erased)
    clear_queues(s, gone)
    end(s, erased)
    record_audit(s, actor=actor, action="forget", entity="output", entity_id=output_id, after=counts(erased))
    return erased


def _at_rest(s: Session, cells: Sequence[int], what: str) -> None:
    """Raise CatalogError if a run that requested one of the cells is in progress, or one is being generated."""
    running = select(Run.id, Run.name).join(RunCell, RunCell.run_id == Run.id).where(Run.state == "running")
    for part in chunks(cells):
        under_way = s.execute(running.where(RunCell.cell_id.in_(part)).limit(1)).first()
        if under_way is not None:
            raise run_under_way(what, under_way.id, under_way.name)
    not_generating(s, cells, what)


def forget_run(s: Session, run_id: str, *, actor: str, silent_seconds: float = SILENT_SECONDS) -> Erased:
    """Delete a run with its spec and sheet, the cells and images that no other run requested, and edits of these.

    Raises CatalogError while the run is in progress.
    """
    if s.scalar(select(Run.id).where(Run.id == run_id)) is None:
        raise NotInCatalogError(f"run {run_id!r} is not in the catalog; `dreamtuner status` lists the last ones")
    with everything(s):
        return _run(s, run_id, actor=actor, silent_seconds=silent_seconds)


def _run(s: Session, run_id: str, *, actor: str, silent_seconds: float) -> Erased:
    close_crashed_runs(s, silent_seconds)
    run = s.execute(select(Run.state, Run.name).where(Run.id == run_id)).one()
    if run.state == "running":
        raise run_under_way(f"run {run_id[:8]}", run_id, run.name)
    other = aliased(RunCell)
    elsewhere = select(other.run_id).where(other.cell_id == RunCell.cell_id, other.run_id != run_id)
    alone = s.scalars(select(RunCell.cell_id).where(RunCell.run_id == run_id, ~elsewhere.exists())).all()
    edits = [one for one in with_edits(s, alone) if one not in set(alone)]
    _at_rest(s, edits, f"run {run_id[:8]}, of which pictures were edited,")
    not_generating(s, alone, f"run {run_id[:8]}")
    alone = [*alone, *edits]
    erased = Erased()
    gone = outputs_of(s, alone)
    erase_cells(s, alone, erased)
    others = [one for one in erased.runs if one != run_id]  # whose sheets showed edits
    clear_runs(s, others, erased)
    erased.runs = [*others, run_id]
    erase_run(s, run_id, erased)
    clear_queues(s, gone)
    end(s, erased)
    record_audit(s, actor=actor, action="forget", entity="run", entity_id=run_id, after=counts(erased))
    return erased


def demand_seen(s: Session, rows: Select[Any], what: str) -> None:
    """Raise CatalogError if there are such rows that the session does not see: another project has a part in it."""
    if viewer_of(s) is None:
        return
    counted = select(func.count()).select_from(rows.subquery())
    seen = s.scalar(counted)
    with everything(s):
        if s.scalar(counted) != seen:
            raise CatalogError(
                f"{what}: there are pictures of it in projects that you do not see; ask an admin to forget it"
            )


def counts(erased: Erased) -> dict[str, int]:
    """Count what was deleted, for the audit."""
    names = (
        "subjects",
        "references",
        "masks",
        "annotations",
        "checkpoints",
        "cells",
        "outputs",
        "reviews",
        "shared",
        "freed",
        "bytes",
    )
    return {name: getattr(erased, name) for name in names} | {"runs": len(erased.runs_gone)}


def outputs_of(s: Session, cell_ids: Sequence[int]) -> set[int]:
    """Return the output ids of these cells."""
    parts = (select(Output.id).where(Output.cell_id.in_(part)) for part in chunks(cell_ids))
    return {one for part in parts for one in s.scalars(part)}


def not_generating(s: Session, cell_ids: Sequence[int], what: str) -> None:
    """Raise CatalogError if one of the cells is being generated."""
    for part in chunks(cell_ids):
        if s.scalar(select(Cell.id).where(Cell.id.in_(part), Cell.state == "generating").limit(1)):
            raise CatalogError(f"{what}: a picture of it is being generated; cancel that run or wait until it ends")


def run_under_way(what: str, run_id: str, name: str) -> CatalogError:
    """Build the error for something that cannot be forgotten yet."""
    return CatalogError(
        f"{what}: run {run_id[:8]} ({name}) is in progress; cancel it or wait until it ends, then forget"
    )


def forget_unwanted(s: Session, *, actor: str, silent_seconds: float = SILENT_SECONDS) -> Erased:
    """Delete the cells without an image that no run needs, see storage.catalog.views.runs.missing_cells.

    Cells whose lost image was reviewed are not deleted, as reviews would be lost.
    """
    close_crashed_runs(s, silent_seconds)
    erased = Erased()
    cells = unwanted_cells(s)
    gone = outputs_of(s, cells)
    erase_cells(s, cells, erased)
    erased.runs = []  # their sheets do not show these cells
    clear_queues(s, gone)
    end(s, erased)
    record_audit(s, actor=actor, action="forget", entity="cells", entity_id="unwanted", after=counts(erased))
    return erased
