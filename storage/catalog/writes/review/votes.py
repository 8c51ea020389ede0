"""Votes: which of two pictures a person prefers. All are stored."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.schema import Output, Vote


def add_vote(
    s: Session, *, uuid: str, person: str, winner_id: int, loser_id: int, tie: bool = False, blind: bool = False
) -> int:
    """Record that `person` prefers one output to the other, or with `tie` neither, and return the vote's id.

    The client generates `uuid`: a vote that is sent again is stored once.
    """
    if winner_id == loser_id:
        raise CatalogError(f"output {winner_id} cannot be compared with itself; choose two")
    known = s.scalars(select(Output.id).where(Output.id.in_([winner_id, loser_id]))).all()
    for one in (winner_id, loser_id):
        if one not in known:
            raise NotInCatalogError(f"output_id {one} is not in the catalog; it may have been forgotten")
    given = {"person": person, "winner_id": winner_id, "loser_id": loser_id, "tie": tie, "blind": blind}
    said = s.scalar(select(Vote).where(Vote.uuid == uuid))
    if said is not None:
        if any(getattr(said, name) != value for name, value in given.items()):
            raise CatalogError(f"uuid {uuid!r} names another vote, {said.id}; make a new uuid for each vote")
        return said.id
    vote = Vote(uuid=uuid, **given)
    s.add(vote)
    s.flush()
    return vote.id
