"""The images of a subject as a grid: prompts by control images, with every seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import Decision
from storage.catalog.schema import Cell, CellSubject, Output, Reference, Run, RunCell
from storage.catalog.views.scores import scores_of

GRID_CELLS = 2000  # newest outputs of a subject that its grid shows


@dataclass(frozen=True)
class GridCell:
    """One image of a grid; `earlier_reference`: it was generated from another reference than the current one.

    `pose` and `depth` are the digests of the control images that it was conditioned on.
    """

    output_id: int
    prompt: str
    pose: str | None
    seed: int
    image_sha256: str
    decision: Decision
    earlier_reference: bool = False
    depth: str | None = None
    width: int = 1
    height: int = 1
    revision: int = 1
    rating: int = 0
    scores: Mapping[str, float] = field(default_factory=dict)


def grid(s: Session, subject_id: int, run_id: str | None = None) -> list[GridCell]:
    """List the subject's newest images, at most GRID_CELLS, oldest first; with `run_id` those of this run."""
    newest = select(Reference.id).where(Reference.subject_id == subject_id).order_by(Reference.turn.desc()).limit(1)
    columns = (Output.id.label("output_id"), Cell.prompt, Cell.pose, Cell.depth, Cell.seed, Output.image_sha256)
    state = (Output.decision, Output.width, Output.height, Output.revision, Output.rating)
    earlier = (CellSubject.reference_id != newest.scalar_subquery()).label("earlier_reference")
    rows = select(*columns, *state, earlier).select_from(CellSubject)
    rows = rows.join(Output, Output.id == CellSubject.output_id).join(Cell, Cell.id == Output.cell_id)
    rows = rows.where(CellSubject.subject_id == subject_id, Cell.state == "generated")
    if run_id is not None:
        rows = rows.join(RunCell, RunCell.cell_id == Cell.id).where(RunCell.run_id == run_id)
    found = s.execute(rows.order_by(CellSubject.output_id.desc()).limit(GRID_CELLS)).all()[::-1]
    scores = scores_of(s, [row.output_id for row in found])
    return [GridCell(**row._mapping, scores=scores.get(row.output_id, {})) for row in found]


def runs_of_subject(s: Session, subject_id: int) -> list[tuple[str, str]]:
    """List id and name of the newest runs that requested images of the subject."""
    asked = select(RunCell.run_id).join(CellSubject, CellSubject.cell_id == RunCell.cell_id)
    asked = asked.where(CellSubject.subject_id == subject_id, RunCell.run_id == Run.id)
    rows = select(Run.id, Run.name).where(asked.exists()).order_by(Run.started_at.desc()).limit(50)
    return [(row.id, row.name) for row in s.execute(rows)]
