"""Settles what became of a run's cells after workers generated it: none lost, none generated twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.schema import Cell, LineageEvent, Output, RunCell


@dataclass(frozen=True)
class Account:
    """`lost`: cells whose images were accepted, and that are not generated; `doubled`: accepted more than once.

    `stuck`: cells that are still being generated; `generated`: those that are.
    """

    generated: int
    lost: int
    doubled: int
    stuck: int


def account(s: Session, run_id: str, accepted: Sequence[str]) -> Account:
    """Compare the run's cells with the digests whose images were accepted, once for each acceptance."""
    counted = select(Cell.state, func.count()).join(RunCell, RunCell.cell_id == Cell.id)
    states = dict(s.execute(counted.where(RunCell.run_id == run_id).group_by(Cell.state)).all())
    there: set[str] = set()
    for part in chunks(accepted):
        made = select(Cell.digest).join(Output, Output.cell_id == Cell.id).where(Cell.digest.in_(part))
        there.update(s.scalars(made.where(Cell.state == "generated")))
    twice = select(LineageEvent.entity_id).where(LineageEvent.entity == "cell", LineageEvent.event == "generated")
    of_run = select(Cell.digest).join(RunCell, RunCell.cell_id == Cell.id).where(RunCell.run_id == run_id)
    twice = twice.where(LineageEvent.entity_id.in_(of_run)).group_by(LineageEvent.entity_id).having(func.count() > 1)
    doubled = {*s.scalars(twice)} | _repeated(accepted)
    return Account(states.get("generated", 0), len({*accepted} - there), len(doubled), states.get("generating", 0))


def _repeated(accepted: Sequence[str]) -> set[str]:
    seen: set[str] = set()
    return {one for one in accepted if one in seen or seen.add(one)}  # type: ignore[func-returns-value]
