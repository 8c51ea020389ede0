"""Claims the next cells of a run: the database chooses them, so that nobody reads the run to find out what is left."""

from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select, update
from sqlalchemy.orm import Session

from storage.catalog.claims import abandoned, alive, failed_before, is_open
from storage.catalog.database.sql import instant
from storage.catalog.records import ClaimedCells
from storage.catalog.schema import Cell, RunCell, Subject, WorkerRow
from storage.catalog.writes.queue.workers import enter_worker
from storage.catalog.writes.runs.cells import claimed, record_takeovers

Near = tuple[int | None, int]
"""A subject, and the last position in the grid that this worker claimed of it."""


def claim_next_cells(
    s: Session,
    run_id: str,
    owner: str,
    lease_seconds: float,
    *,
    most: int,
    near: Near | None = None,
    but: Collection[str] = (),
    but_profiles: Collection[int] = (),
) -> ClaimedCells | None:
    """Claim at most `most` cells of one subject of the run, in grid order; None if nothing is left to claim.

    Of the subject `near`, else of the one that the fewest other workers are at, the first of those in the grid. Failed
    cells come after all others. A frame that uses earlier ones is claimed alone, and cells of a set without its first.
    `but` and `but_profiles`: cells, and ids of profiles, that this worker cannot generate. None waits for another; each
    cell goes to one.
    """
    at = instant(s)
    able = [Cell.digest.not_in(but)] if but else []
    able += [Cell.profile_id.not_in(but_profiles)] if but_profiles else []
    unclaimed = or_(Cell.state.in_(("planned", "lost")), abandoned(s, at))
    for free in (unclaimed, failed_before()):
        chosen = _Chosen(s, run_id, [free, *able], most)
        rows = (chosen.of_subject(*near) or chosen.of_subject(near[0], -1)) if near is not None else []
        if rows := rows or chosen.of_any_subject(owner, alive(at)) or chosen.of_subject(None, -1):
            break
    else:
        return None
    alike = takewhile(lambda row: not row.frame and row.first == rows[0].first, rows)
    kept = list(alike) or rows[:1]
    change = update(Cell).where(Cell.id.in_([row.id for row in kept])).values(claimed(owner, at, lease_seconds))
    s.execute(change.execution_options(synchronize_session=False))
    record_takeovers(s, [(row.digest, row.owner) for row in kept], owner)
    enter_worker(s, owner, at, lease_seconds, at_work=(run_id, kept[0].subject_id))
    name, digests = kept[0].subject, [row.digest for row in kept]
    waits = bool(kept[0].frame) or kept[0].first is not None
    return ClaimedCells(run_id, kept[0].subject_id, name, digests, kept[0].position, kept[-1].position, waits)


class _Chosen:
    """Selects cells of a run that satisfy conditions, at most `most`."""

    def __init__(self, s: Session, run_id: str, where: list[ColumnElement[bool]], most: int) -> None:
        self._s, self._run, self._where, self._most = s, run_id, where, most

    def of_subject(self, subject_id: int | None, after: int) -> list[Row[*tuple[Any, ...]]]:
        """Lock the first such cells requested for the subject, after a position of the grid; skip locked ones.

        None: those for which the run names no subject, see RunCell.
        """
        frame = Cell.settings["frames"].as_string().is_not(None).label("frame")
        columns = (
            Cell.id,
            Cell.digest,
            Cell.owner,
            RunCell.position,
            RunCell.subject_id,
            Subject.name.label("subject"),
        )
        first = Cell.settings["set"]["first"].as_string().label("first")
        rows = select(*columns, frame, first).select_from(RunCell).join(Cell, Cell.id == RunCell.cell_id)
        rows = rows.join(Subject, Subject.id == func.coalesce(RunCell.subject_id, Cell.subject_id))
        this = RunCell.subject_id.is_(None) if subject_id is None else RunCell.subject_id == subject_id
        rows = rows.where(RunCell.run_id == self._run, this, RunCell.position > after, *self._where)
        rows = rows.order_by(RunCell.position).limit(self._most)
        return list(self._s.execute(rows.with_for_update(of=Cell, skip_locked=True)))

    def of_any_subject(self, owner: str, at_work: ColumnElement[bool]) -> list[Row[*tuple[Any, ...]]]:
        """Lock the first such cells of the subject that the fewest other workers are at.

        Of the next one if others have just locked all of it. `at_work`: the condition that a worker is alive.
        """
        tried: list[int] = []
        for own in (True, False):
            while (subject := self._subject(owner, at_work, tried, own=own)) is not None:
                if rows := self.of_subject(subject, -1):
                    return rows
                tried.append(subject)
        return []

    def _subject(self, owner: str, at_work: ColumnElement[bool], but: Sequence[int], *, own: bool) -> int | None:
        """Choose among the subjects with such cells.

        `own`: with cells of their own, which an index finds; else also with those that they share with another subject,
        for which all cells of the run are read.
        """
        ours = RunCell.run_id == self._run
        # one look into the index for each subject, whatever the number of its cells
        all_ = select(func.min(RunCell.subject_id).label("id")).where(ours).cte("subjects", recursive=True)
        following = select(func.min(RunCell.subject_id)).where(ours, RunCell.subject_id > all_.c.id).scalar_subquery()
        all_ = all_.union_all(select(following).where(all_.c.id.is_not(None)))
        # counted once for all subjects: with a thousand workers, their rows are not to be read for each
        there = (WorkerRow.run_id == self._run, WorkerRow.owner != owner, at_work)
        counted = select(WorkerRow.subject_id, func.count().label("workers")).where(*there)
        others = counted.group_by(WorkerRow.subject_id).cte("others")
        place = select(func.min(RunCell.position)).where(ours, RunCell.subject_id == all_.c.id).scalar_subquery()
        best = (func.coalesce(others.c.workers, 0).label("workers"), place.label("place"))
        beside = select(all_.c.id, *best).outerjoin(others, others.c.subject_id == all_.c.id)
        beside = beside.where(all_.c.id.is_not(None), all_.c.id.not_in(but))
        # the offset keeps PostgreSQL from merging the two: it looks for cells in this order, and stops at the first
        ranked = beside.order_by(*best).offset(0).subquery("ranked")
        of_it = (ours, RunCell.subject_id == ranked.c.id)
        open_ = select(RunCell.cell_id).join(Cell, Cell.id == RunCell.cell_id).where(*of_it, *self._where).exists()
        if own:
            # not `exists`: PostgreSQL would hash the whole run for it, where an index answers for the first cell
            request = select(RunCell.cell_id).where(RunCell.cell_id == Cell.id, *of_it).correlate(Cell, ranked)
            asked = request.limit(1).scalar_subquery().is_not(None)
            open_ = select(Cell.id).where(Cell.subject_id == ranked.c.id, is_open(), *self._where, asked).exists()
        found = select(ranked.c.id).where(open_).order_by(ranked.c.workers, ranked.c.place).limit(1)
        subject: int | None = self._s.scalar(found)
        return subject
