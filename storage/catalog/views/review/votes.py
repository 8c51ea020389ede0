"""Pairs of two runs to compare blind, and what people voted on them."""

from dataclasses import dataclass
from math import comb

from sqlalchemy import CTE, Select, and_, or_, select
from sqlalchemy.orm import Session

from storage.catalog.schema import Cell, Output, RunCell, Vote

MOST = 300  # pairs of one comparison


@dataclass(frozen=True)
class VoteTally:
    """Votes between two runs: preferred the first, the second, or neither; `p`: the sign test's two-sided p-value.

    p is the probability that chance alone, with both equally good, gives a difference at least as large. Ties are left
    out of it.
    """

    first: int
    second: int
    ties: int
    p: float


def pairs_of_runs(s: Session, first: str, second: str) -> list[tuple[int, int]]:
    """Pair the outputs of two runs that show the same subject with the same prompt, control images and seed.

    At most MOST pairs; an output that both runs share is no pair.
    """
    return [(one, other) for one, other in s.execute(_pairs(first, second).limit(MOST))]


def _pairs(first: str, second: str) -> Select[int, int]:
    # each run is read once, then both are joined: in one go a planner looks through a whole subject for each cell
    a, b = _of_run(first, "first_run"), _of_run(second, "second_run")
    equal = [a.c.subject_id == b.c.subject_id, a.c.prompt == b.c.prompt, a.c.seed == b.c.seed]
    equal += [a.c[name].is_not_distinct_from(b.c[name]) for name in ("pose", "depth")]
    rows = select(a.c.output_id, b.c.output_id).join(b, and_(*equal, a.c.output_id != b.c.output_id))
    return rows.order_by(a.c.output_id, b.c.output_id)


def _of_run(run_id: str, name: str) -> CTE:
    columns = (Output.id.label("output_id"), Cell.subject_id, Cell.prompt, Cell.seed, Cell.pose, Cell.depth)
    rows = select(*columns).select_from(RunCell).join(Cell, Cell.id == RunCell.cell_id)
    rows = rows.join(Output, Output.cell_id == Cell.id).where(RunCell.run_id == run_id, Cell.state == "generated")
    return rows.cte(name).prefix_with("MATERIALIZED")


def tally_of_runs(s: Session, first: str, second: str, *, person: str | None = None) -> VoteTally:
    """Count the blind votes between paired outputs of two runs, those of one person or of all; each pair's last one."""
    pairs = dict.fromkeys(pairs_of_runs(s, first, second))
    ids = [one for pair in pairs for one in pair]
    votes = select(Vote).where(Vote.blind, or_(Vote.winner_id.in_(ids), Vote.loser_id.in_(ids))).order_by(Vote.id)
    if person is not None:
        votes = votes.where(Vote.person == person)
    last: dict[tuple[str, tuple[int, int]], str] = {}
    for vote in s.scalars(votes):
        for pair, won in (((vote.winner_id, vote.loser_id), "first"), ((vote.loser_id, vote.winner_id), "second")):
            if pair in pairs:
                last[vote.person, pair] = "tie" if vote.tie else won
    said = [*last.values()]
    for_first, for_second = said.count("first"), said.count("second")
    return VoteTally(for_first, for_second, said.count("tie"), sign_test(for_first, for_second))


def sign_test(first: int, second: int) -> float:
    """Return the two-sided p-value of the exact sign test for these numbers of preferences."""
    total, fewer = first + second, min(first, second)
    tail: int = sum(comb(total, i) for i in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**total))
