"""Links between cells and subjects with their references, and their copies of outputs and scores."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, select, true, update
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks, insert_into
from storage.catalog.records import CellRecord, FurtherSubject
from storage.catalog.schema import CellReference, CellSubject, Output, Score, SubjectScore

POSITIONS = 1000
"""Positions of references that each subject of a cell has: those of the next subject come after them."""


def link_cells(s: Session, cells: Sequence[CellRecord], ids: Mapping[str, int], fresh: Collection[str]) -> None:
    """Link each cell to its subjects; `ids` gives the ids of the cells by digest, `fresh` are the new ones.

    An existing cell of another subject is linked to this one too, with its image and scores.
    """
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    more: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for cell in cells:
        everyone: list[CellRecord | FurtherSubject] = [cell, *cell.others]
        for place, one in enumerate(everyone):
            key = ids[cell.digest], one.subject_id
            rows[key] = _row(one, *key, place)
            if one.further:
                more[key] = _further(one, *key, place)
    new: set[int] = set()
    made_now = {ids[digest] for digest in fresh}
    keys = sorted(rows)  # in one order for all, to avoid deadlocks
    for part in chunks(keys):
        there = select(CellSubject.cell_id, CellSubject.subject_id)
        known = set(s.execute(there.where(CellSubject.cell_id.in_([cell_id for cell_id, _ in part]))))
        part = [key for key in part if key not in known]
        if not part:
            continue
        insert = insert_into(s, CellSubject).on_conflict_do_nothing().returning(CellSubject.cell_id)
        new.update(s.scalars(insert, [rows[key] for key in part]))
        if further := [row for key in part for row in more.get(key, ())]:
            s.execute(insert_into(s, CellReference).on_conflict_do_nothing(), further)
    for cell_ids in chunks(sorted(new - made_now)):
        # Locked until the end: concurrent scoring is waited for, or sees the link.
        made = select(Output.id).where(Output.cell_id.in_(cell_ids)).order_by(Output.id)
        outputs = s.scalars(made.with_for_update(key_share=True)).all()
        if outputs:
            link_outputs(s, cell_ids)
            link_scores(s, outputs)


def link_outputs(s: Session, cell_ids: Sequence[int]) -> None:
    """Set the outputs in the links of these cells."""
    output = select(Output.id).where(Output.cell_id == CellSubject.cell_id).scalar_subquery()
    links = update(CellSubject).where(CellSubject.cell_id.in_(cell_ids), CellSubject.output_id.is_(None))
    s.execute(links.values(output_id=output).execution_options(synchronize_session=False))


def link_scores(s: Session, output_ids: Sequence[int], metric: str | None = None) -> None:
    """Copy the current scores of these outputs, by one metric or by all, to each subject that they show."""
    columns = (Score.output_id, Score.metric, CellSubject.subject_id, Score.value)
    current = and_(Score.output_id == Output.id, Score.current == true())
    rows = select(*columns).select_from(Output).join(Score, current)
    rows = rows.join(CellSubject, CellSubject.cell_id == Output.cell_id).where(Output.id.in_(output_ids))
    if metric is not None:
        rows = rows.where(Score.metric == metric)
    insert = insert_into(s, SubjectScore).from_select(["output_id", "metric", "subject_id", "value"], rows)
    keys = [SubjectScore.output_id, SubjectScore.metric, SubjectScore.subject_id]
    s.execute(insert.on_conflict_do_update(index_elements=keys, set_={"value": insert.excluded.value}))


def reference_position(subject: int, reference: int) -> int:
    """Return the position of a reference in a cell: both numbers from 0, unique in the cell, ordered by subject."""
    return subject * POSITIONS + reference


def _further(one: CellRecord | FurtherSubject, cell_id: int, subject_id: int, place: int) -> list[dict[str, Any]]:
    """Return the rows of the further references of a cell's subject, the `place`-th from 0."""
    names = ("reference_id", "mask_id", "caption")
    return [
        {
            "cell_id": cell_id,
            "subject_id": subject_id,
            "position": reference_position(place, i),
            **{name: getattr(each, name) for name in names},
        }
        for i, each in enumerate(one.further, 1)
    ]


def _row(one: CellRecord | FurtherSubject, cell_id: int, subject_id: int, place: int) -> dict[str, Any]:
    about = {"reference_id": one.reference_id, "mask_id": one.mask_id}
    return {"cell_id": cell_id, "subject_id": subject_id, "position": place} | about
