"""The gallery: images for any filter and order, paginated, in bounded time.

A page scans one index in its order, window by window, and tests further conditions row by row, until it is full or its
time is up. A selective filter therefore gives a short page with a position to continue from, never a long wait.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, null, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from storage.catalog.database.sql import as_records
from storage.catalog.narrowing import everything, viewer_of
from storage.catalog.records import DECISIONS, CatalogError, Decision
from storage.catalog.schema import (
    Cell,
    CellSubject,
    Label,
    Output,
    OutputLabel,
    Review,
    RunCell,
    Score,
    Subject,
    SubjectScore,
)
from storage.catalog.views.output_subjects import first_seen
from storage.catalog.views.pages import MAX_PAGE, OutputRow, Page, place, place_of

WINDOW = 1_000  # rows scanned between checks of the clock
SECONDS = 0.015  # time limit of a page
COUNTING = 0.2  # time limit of a count
COUNTED = 10_000  # beyond that a count says "more"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A gallery filter; None is no condition. `prompt` is words that the prompt contains, in any order.

    `pose` and `depth` are digests of control images, `tag` and `collection` names of labels.
    `waits_for`: a person: images that are undecided and that this person has not approved.
    `metric` orders by that score, the best first, and `lowest` and `highest` bound it; without one the newest is first.
    """

    subject_id: int | None = None
    decision: Decision | None = None
    style: str | None = None
    prompt: str | None = None
    pose: str | None = None
    depth: str | None = None
    tag: str | None = None
    collection: str | None = None
    run_id: str | None = None
    checkpoint_id: int | None = None
    reviewer: str | None = None
    waits_for: str | None = None
    metric: str | None = None
    lowest: float | None = None
    highest: float | None = None

    def __post_init__(self) -> None:
        if self.decision is not None and self.decision not in DECISIONS:
            raise CatalogError(f"decision {self.decision!r} is not known; use one of {', '.join(DECISIONS)}")
        if self.metric is None and (self.lowest is not None or self.highest is not None):
            raise CatalogError("lowest and highest bound a score: choose the metric too")

    def as_json(self) -> dict[str, Any]:
        """Return the conditions that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def gallery_page(s: Session, wanted: Filter, *, after: str | None = None, limit: int = 60) -> Page[OutputRow]:
    """List images that match the filter. A page may be short, even empty, and still have a `next`.

    Raises CatalogError for an `after` that is not from a page with the same order, or a `limit` outside 1..300.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise CatalogError(f"limit {limit} is outside 1..{MAX_PAGE}; request the next page instead")
    link = _link(wanted)
    of = (_first_subject(s) if wanted.subject_id is None else link.subject_id).label("subject_id")
    shown = (Output.id.label("output_id"), Cell.digest, of, Cell.prompt, Cell.seed, Output.image_sha256, Output.width)
    rows: Select[*tuple[Any, ...]] = select(
        *shown, Output.height, Output.revision, Output.decision, Output.rating, Output.created_at
    )
    value = null() if wanted.metric is None else link.value
    rows = _joined(rows.add_columns(value.label("value")), wanted)
    found: list[OutputRow] = []
    for conditions, keys, end in _windows(s, wanted, after, SECONDS):
        here = rows.where(*conditions).order_by(*(key.desc() for key in keys)).limit(limit - len(found))
        found += as_records(OutputRow, s.execute(here))
        if len(found) == limit:
            last = found[-1]
            return Page(found, place([last.output_id] if last.value is None else [last.value, last.output_id]))
        after = None if end is None else place(end)
    return Page(found, after)


def _first_subject(s: Session) -> Any:
    """Return the first subject of an output: for a narrowed session the first one that it sees."""
    return Output.subject_id if viewer_of(s) is None else first_seen(Output.cell_id, Output.subject_id)


@dataclass(frozen=True)
class Count:
    """A count; `more`: a lower bound, because counting stopped early."""

    number: int
    more: bool


def count(s: Session, wanted: Filter, *, most: int = COUNTED) -> Count:
    """Count the images that match the filter, up to `most` and within COUNTING seconds."""
    rows, found, more = _joined(select(Output.id), wanted), 0, False
    for conditions, _, end in _windows(s, wanted, None, COUNTING):
        more = end is not None
        here = rows.where(*conditions).limit(most + 1 - found)
        found += s.scalar(select(func.count()).select_from(here.subquery())) or 0
        if found > most:
            return Count(most, True)
    return Count(found, more)


def _windows(
    s: Session, wanted: Filter, after: str | None, seconds: float
) -> Iterator[tuple[list[ColumnElement[bool]], Sequence[Any], Sequence[float] | None]]:
    """Yield the conditions of each window, the sort keys, and the window's end (None for the last)."""
    until = time.monotonic() + seconds
    tested = _tested(wanted)
    row_by_row = bool(tested) or viewer_of(s) is not None
    while True:
        keys, conditions = _walk(wanted, after)
        with everything(s):  # a narrowed session may see few of many rows
            end = _place_at(s, keys, conditions, WINDOW) if row_by_row else None
        yield [*conditions, *tested, *_down_to(keys, end)], keys, end
        if end is None or time.monotonic() >= until:
            return
        after = place(end)


def _walk(wanted: Filter, after: str | None) -> tuple[list[Any], list[ColumnElement[bool]]]:
    """Return the sort columns, all descending, and the conditions answered by the same index."""
    if wanted.metric is None:
        key: Any = Output.id if wanted.subject_id is None else CellSubject.output_id
        # for a subject the links are scanned, which have no decision: it is tested row by row
        decided = None if wanted.subject_id is not None else wanted.decision
        conditions = _equal((CellSubject.subject_id, wanted.subject_id), (Output.decision, decided))
        conditions += [CellSubject.output_id.is_not(None)] if wanted.subject_id is not None else []
        conditions += [] if after is None else [key < place_of(after, 1)[0]]
        return [key], conditions
    by, conditions = _scores_walked(wanted.metric, wanted)
    conditions += [] if wanted.lowest is None else [by.value >= wanted.lowest]
    conditions += [] if wanted.highest is None else [by.value <= wanted.highest]
    keys = [by.value, by.output_id]
    conditions += [] if after is None else [tuple_(*keys) < tuple_(*place_of(after, 2))]
    return keys, conditions


def _scores_walked(metric: str, wanted: Filter) -> tuple[Any, list[ColumnElement[bool]]]:
    """Return the score table to scan, which differs for a subject, and the conditions that its index answers."""
    if wanted.subject_id is None:
        current = [Score.metric == metric, Score.current == true()]
        return Score, [*_equal((Score.decision, wanted.decision)), *current]
    return SubjectScore, [SubjectScore.subject_id == wanted.subject_id, SubjectScore.metric == metric]


def _joined(rows: Select[*tuple[Any, ...]], wanted: Filter) -> Select[*tuple[Any, ...]]:
    """Join `rows` with generated images and the score that sorts them."""
    link = _link(wanted)
    if link is not None:
        rows = rows.select_from(link).join(Output, Output.id == link.output_id)
    return rows.join(Cell, and_(Cell.id == Output.cell_id, Cell.state == "generated"))


def _link(wanted: Filter) -> Any:
    """Return the table that is scanned with the outputs: scores, a subject's scores, its links, or None."""
    if wanted.metric is not None:
        return Score if wanted.subject_id is None else SubjectScore
    return None if wanted.subject_id is None else CellSubject


def _place_at(s: Session, keys: Sequence[Any], conditions: Sequence[Any], rows: int) -> list[float] | None:
    """Return the sort key of the row that is `rows` rows ahead; None if there are fewer."""
    walked = select(*keys).where(*conditions).order_by(*(key.desc() for key in keys))
    found = s.execute(walked.offset(rows - 1).limit(1)).first()
    return None if found is None else list(found)


def _down_to(keys: Sequence[Any], end: Sequence[float] | None) -> list[ColumnElement[bool]]:
    if end is None:
        return []
    return [keys[0] >= end[0]] if len(keys) == 1 else [tuple_(*keys) >= tuple_(*end)]


def _tested(wanted: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions that are tested row by row."""
    conditions = _equal(
        (Cell.pose, wanted.pose), (Cell.depth, wanted.depth), (Cell.checkpoint_id, wanted.checkpoint_id)
    )
    conditions += [] if wanted.subject_id is None else _equal((Output.decision, wanted.decision))
    for word in (wanted.prompt or "").split()[:8]:
        conditions.append(func.lower(Cell.prompt).contains(word.lower(), autoescape=True))
    if wanted.style is not None:
        shown = select(Subject.id).join(CellSubject, CellSubject.subject_id == Subject.id)
        shown = shown.where(CellSubject.cell_id == Output.cell_id, Subject.style == wanted.style)
        if wanted.subject_id is not None:
            shown = shown.where(Subject.id == wanted.subject_id)
        conditions.append(shown.exists())
    if wanted.run_id is not None:
        asked = select(RunCell.cell_id).where(RunCell.run_id == wanted.run_id, RunCell.cell_id == Output.cell_id)
        conditions.append(asked.exists())
    if wanted.reviewer is not None:
        said = select(Review.id).where(Review.output_id == Output.id, Review.reviewer == wanted.reviewer)
        conditions.append(said.exists())
    for kind, name in (("tag", wanted.tag), ("collection", wanted.collection)):
        if name is not None:
            put = select(OutputLabel.output_id).join(Label, Label.id == OutputLabel.label_id)
            put = put.where(OutputLabel.output_id == Output.id, Label.kind == kind, Label.name == name)
            conditions.append(put.exists())
    if wanted.waits_for is not None:
        conditions += [Output.decision == "none", ~_approved_by(wanted.waits_for)]
    return conditions


def _approved_by(person: str) -> ColumnElement[bool]:
    """Return whether the person's latest review of the image, as it is now, approves it."""
    later = aliased(Review)
    again = select(later.id).where(later.output_id == Output.id, later.reviewer == person)
    said = select(Review.id).where(Review.output_id == Output.id, Review.reviewer == person)
    said = said.where(Review.decision == "approved", Review.image_sha256 == Output.image_sha256)
    return said.where(~again.where(later.revision > Review.revision).exists()).exists()


def _equal(*pairs: tuple[Any, object]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in pairs if value is not None]
