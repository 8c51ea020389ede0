"""Pairs of two runs to compare blind, and what people voted on them."""

from dataclasses import dataclass
from math import comb
from typing import TypeVar

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session, aliased

from storage.catalog.database.base import Base
from storage.catalog.schema import Cell, Output, RunCell, Vote

T = TypeVar("T", bound=Base)
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
    one, other, a, b, of_a, of_b = (*_twice(Output), *_twice(Cell), *_twice(RunCell))
    equal = [a.subject_id == b.subject_id, a.prompt == b.prompt, a.seed == b.seed, a.id != b.id]
    equal += [x.is_not_distinct_from(y) for x, y in ((a.pose, b.pose), (a.depth, b.depth))]
    rows = select(one.id, other.id).select_from(of_a).join(a, a.id == of_a.cell_id)
    rows = rows.join(one, one.cell_id == a.id).join(b, and_(*equal)).join(other, other.cell_id == b.id)
    rows = rows.join(of_b, and_(of_b.cell_id == b.id, of_b.run_id == second))
    both = (a.state == "generated", b.state == "generated")
    return rows.where(of_a.run_id == first, *both).order_by(one.id, other.id)


def _twice(table: type[T]) -> tuple[type[T], type[T]]:
    return aliased(table), aliased(table)


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
