"""Pages of a large catalog, by keyset: each begins where the last one ended, however deep, and none is counted.

Every page walks one index in the order that it is shown in and stops when it is full. Further conditions are tested on
the way, so a rare one makes a page slower, never wrong.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, null, select, true, tuple_
from sqlalchemy.orm import Session

from storage.catalog.records import CatalogError, CellState, Decision
from storage.catalog.schema import Cell, CellSubject, Output, RunCell, Score, SubjectScore

MAX_PAGE = 300
T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows, and where the next page begins: pass `next` as `after`. None: this was the last."""

    rows: Sequence[T]
    next: str | None


@dataclass(frozen=True)
class OutputRow:
    """A picture in a gallery; `value` is the score that the page is ordered by, None when it is not.

    `subject_id` is the subject that was asked for, else the first of those that it shows.
    """

    output_id: int
    digest: str
    subject_id: int
    prompt: str
    seed: int
    image_sha256: str
    width: int
    height: int
    revision: int
    decision: Decision
    rating: int
    created_at: datetime
    value: float | None


@dataclass(frozen=True)
class CellRow:
    """A cell in a list, in whatever state."""

    cell_id: int
    digest: str
    subject_id: int
    prompt: str
    seed: int
    state: CellState
    attempts: int
    error: str | None


def outputs_page(
    s: Session,
    *,
    subject_id: int | None = None,
    decision: Decision | None = None,
    run_id: str | None = None,
    metric: str | None = None,
    lowest: float | None = None,
    highest: float | None = None,
    after: str | None = None,
    limit: int = 60,
) -> Page[OutputRow]:
    """Pictures that are there, newest first; with a `metric` those that it has scored, the best first.

    `lowest` and `highest` bound the score and want a metric; `limit` is 1..300. Raises CatalogError for an `after` that
    no page of the same order gave.
    """
    conditions = [] if run_id is None else [_asked_by(run_id)]
    if metric is None:
        if lowest is not None or highest is not None:
            raise CatalogError("lowest and highest bound a score: give the metric too")
        conditions += _equal((CellSubject.subject_id, subject_id), (Output.decision, decision))
        key: Any = Output.id if subject_id is None else CellSubject.output_id
        rows = _outputs(subject_id).add_columns(null()).where(*conditions, *_beyond(after, key))
        found = s.execute(rows.order_by(key.desc()).limit(_checked(limit))).all()
        return _page([OutputRow(*row) for row in found], limit, lambda row: [row.output_id])
    by, known = score_walk(metric, subject_id, decision)
    conditions += known
    conditions += [] if lowest is None else [by.value >= lowest]
    conditions += [] if highest is None else [by.value <= highest]
    scored = _outputs(subject_id, by).add_columns(by.value).join(by, by.output_id == Output.id)
    rows = scored.where(*conditions, *_beyond(after, by.value, by.output_id))
    found = s.execute(rows.order_by(by.value.desc(), by.output_id.desc()).limit(_checked(limit))).all()
    return _page([OutputRow(*row) for row in found], limit, lambda row: [row.value, row.output_id])


def cells_page(
    s: Session,
    *,
    state: CellState | None = None,
    subject_id: int | None = None,
    after: str | None = None,
    limit: int = 60,
) -> Page[CellRow]:
    """Cells in whatever state, those planned last first."""
    conditions = _equal((Cell.state, state), (CellSubject.subject_id, subject_id))
    key: Any = Cell.id if subject_id is None else CellSubject.cell_id
    rows = select(*_CELL) if subject_id is None else _cells_of_subject()
    rows = rows.where(*conditions, *_beyond(after, key))
    found = s.execute(rows.order_by(key.desc()).limit(_checked(limit))).all()
    return _page([CellRow(*row) for row in found], limit, lambda row: [row.cell_id])


def run_page(s: Session, run_id: str, *, after: str | None = None, limit: int = 60) -> Page[CellRow]:
    """The cells of a run in the order of its grid."""
    rows = select(*_CELL, RunCell.position).join(RunCell, RunCell.cell_id == Cell.id).where(RunCell.run_id == run_id)
    rows = rows.where(*([] if after is None else [RunCell.position > place_of(after, 1)[0]]))
    found = s.execute(rows.order_by(RunCell.position).limit(_checked(limit))).all()
    places = {row.id: row.position for row in found}
    return _page([CellRow(*row[:-1]) for row in found], limit, lambda row: [places[row.cell_id]])


_CELL = (Cell.id, Cell.digest, Cell.subject_id, Cell.prompt, Cell.seed, Cell.state, Cell.attempts, Cell.error)


def _cells_of_subject() -> Select[*tuple[Any, ...]]:
    columns = [CellSubject.subject_id if one is Cell.subject_id else one for one in _CELL]
    return select(*columns).join(CellSubject, CellSubject.cell_id == Cell.id)


def score_walk(metric: str, subject_id: int | None, decision: Decision | None) -> tuple[Any, list[ColumnElement[bool]]]:
    """The table whose scores are walked, and the conditions that its index answers: a subject has one of its own."""
    if subject_id is None:
        return Score, [*_equal((Score.decision, decision)), Score.metric == metric, Score.current == true()]
    known = [SubjectScore.subject_id == subject_id, SubjectScore.metric == metric]
    return SubjectScore, known + _equal((Output.decision, decision))


def _outputs(subject_id: int | None, by: Any = None) -> Select[*tuple[Any, ...]]:
    """Rows of pictures that are there; of a subject by its links, unless its scores are walked."""
    link = CellSubject if by is None else by
    shown = Output.subject_id if subject_id is None else link.subject_id
    columns = (Output.id, Cell.digest, shown, Cell.prompt, Cell.seed, Output.image_sha256, Output.width)
    chosen: Select[*tuple[Any, ...]] = select(*columns, Output.height, Output.revision, Output.decision)
    chosen = chosen.add_columns(Output.rating, Output.created_at).select_from(Output)
    chosen = chosen.join(Cell, and_(Cell.id == Output.cell_id, Cell.state == "generated"))
    if subject_id is None or by is not None:
        return chosen
    return chosen.join(CellSubject, CellSubject.output_id == Output.id)


def _asked_by(run_id: str) -> ColumnElement[bool]:
    return select(RunCell.cell_id).where(RunCell.run_id == run_id, RunCell.cell_id == Output.cell_id).exists()


def _equal(*pairs: tuple[Any, object]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in pairs if value is not None]


def _beyond(after: str | None, *columns: Any) -> list[ColumnElement[bool]]:
    """What comes after the row named by `after` when all `columns` descend."""
    if after is None:
        return []
    place = place_of(after, len(columns))
    return [columns[0] < place[0]] if len(columns) == 1 else [tuple_(*columns) < tuple_(*place)]


def _checked(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise CatalogError(f"limit {limit} is outside 1..{MAX_PAGE}; ask for the next page instead")
    return limit


def _page(rows: Sequence[T], limit: int, of: Any) -> Page[T]:
    return Page(rows, place(of(rows[-1])) if len(rows) == limit else None)


def place(columns: Sequence[float]) -> str:
    """The `after` of a page: what its order is by, of the row before it."""
    return base64.urlsafe_b64encode(json.dumps(list(columns)).encode()).decode().rstrip("=")


def place_of(after: str, length: int) -> list[float]:
    """The columns that `place` was given; CatalogError unless there are `length` of them."""
    try:
        place = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except ValueError:
        place = None
    if not isinstance(place, list) or [type(one) in (int, float) for one in place] != [True] * length:
        raise CatalogError(f"after {after[:80]!r} is not the `next` of such a page; begin again without it")
    return place
