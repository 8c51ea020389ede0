"""How far a person has come in a review queue, and which of its images wait for that person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.records import DECISIONS, Decision
from storage.catalog.schema import Output, Review
from storage.catalog.views.review.queues import Queue


@dataclass(frozen=True)
class Progress:
    """`tally`: the queue's images by decision; `waiting`: the positions of those that wait for this reviewer.

    A stack waits as long as one of its images does.

    `resume`: the position to go on at, after the last image that the reviewer decided on in this queue. It skips what
    needs no decision if the queue is one of undecided images; the queue's length: nothing is left.
    """

    tally: Mapping[Decision, int]
    waiting: Sequence[int]
    resume: int


def progress(s: Session, of: Queue, reviewer: str) -> Progress:
    """Return how far `reviewer` has come in the queue."""
    states, latest = _states(s, of.pictures), _latest(s, of.pictures, reviewer)
    places = {one: at for at, first in enumerate(of.output_ids) for one in (first, *of.stacks.get(first, ()))}
    waiting = sorted({places[one] for one in of.pictures if _waits(states.get(one), latest.get(one))})
    since = [(said.id, places[one]) for one, said in latest.items() if said.created_at >= of.created_at]
    after = max(since)[1] + 1 if since else 0
    resume = after
    if skips_decided(of):
        resume = next((place for place in waiting if place >= after), waiting[0] if waiting else len(of.output_ids))
    return Progress(_counted(states), waiting, resume)


def tally(s: Session, output_ids: Sequence[int]) -> dict[Decision, int]:
    """Count these outputs by decision."""
    return _counted(_states(s, output_ids))


def _counted(states: Mapping[int, tuple[Decision, str]]) -> dict[Decision, int]:
    counted = [decision for decision, _ in states.values()]
    return {decision: counted.count(decision) for decision in DECISIONS}


def skips_decided(of: Queue) -> bool:
    """Return whether images that were decided on since are passed over: the queue is one of undecided images."""
    return bool(of.filter.get("decision") == "none" or of.filter.get("waits_for"))


def waiting_for(s: Session, output_ids: Sequence[int], reviewer: str) -> set[int]:
    """Return those outputs that are undecided and that `reviewer` has not approved, as they are now."""
    states, latest = _states(s, output_ids), _latest(s, output_ids, reviewer)
    return {one for one in output_ids if _waits(states.get(one), latest.get(one))}


def _waits(state: tuple[Decision, str] | None, said: Review | None) -> bool:
    if state is None or state[0] != "none":
        return False
    return said is None or said.decision != "approved" or said.image_sha256 != state[1]


def _states(s: Session, output_ids: Sequence[int]) -> dict[int, tuple[Decision, str]]:
    """Return decision and image of the outputs by id."""
    found: dict[int, tuple[Decision, str]] = {}
    for part in chunks(output_ids):
        rows = s.execute(select(Output.id, Output.decision, Output.image_sha256).where(Output.id.in_(part)))
        found |= {output: (decision, image) for output, decision, image in rows}
    return found


def _latest(s: Session, output_ids: Sequence[int], reviewer: str) -> dict[int, Review]:
    """Return the reviewer's latest review of each output, by its id."""
    found: dict[int, Review] = {}
    for part in chunks(output_ids):
        said = select(Review).where(Review.output_id.in_(part), Review.reviewer == reviewer)
        found |= {one.output_id: one for one in s.scalars(said.order_by(Review.id))}
    return found
