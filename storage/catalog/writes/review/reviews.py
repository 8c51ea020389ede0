"""Reviews: the decisions of people. All are stored; the last one of an image is its decision."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.catalog.records import DECISIONS, CatalogError, Decision, NotInCatalogError, ReviewConflictError
from storage.catalog.schema import Output, Review, Score


@dataclass(frozen=True)
class Reviewed:
    """A stored review. `revision` is the output's current one, which its next review has to name."""

    review_id: int
    revision: int


def add_review(
    s: Session,
    *,
    uuid: str,
    output_id: int,
    revision: int,
    reviewer: str,
    decision: Decision,
    rating: int = 0,
    note: str = "",
    batch_id: str | None = None,
    approvals_needed: int = 1,
) -> Reviewed:
    """Record what `reviewer` decided on the output as it was at `revision`; `rating` is 1..5, or 0 for none.

    With `approvals_needed` an output is approved once this number of different people have approved this image and not
    taken their approval back; until then its decision is "none".

    The client generates `uuid`, one for each decision: a review that is sent again is stored once. Raises
    ReviewConflictError, and stores nothing, if the output was reviewed or regenerated since that revision.
    """
    _check(uuid, reviewer, decision, rating)
    chosen = select(Output).where(Output.id == output_id).with_for_update(key_share=True)
    output = s.scalar(chosen.execution_options(populate_existing=True))
    if output is None:
        raise NotInCatalogError(f"output_id {output_id} is not in the catalog; gallery_page(...) lists what there is")
    said = s.scalar(select(Review).where(Review.uuid == uuid))
    if said is not None:
        if (said.output_id, said.reviewer, said.decision, said.rating) != (output_id, reviewer, decision, rating):
            raise CatalogError(f"uuid {uuid!r} names another review, {said.id}; make a new uuid for each decision")
        return Reviewed(said.id, said.revision + 1)
    if output.revision != revision:
        raise ReviewConflictError(
            f"output {output_id} is at revision {output.revision}, and {decision!r} was decided on revision "
            f"{revision}; look at it again",
            output.revision,
        )
    review = Review(uuid=uuid, output_id=output_id, revision=revision, reviewer=reviewer, decision=decision)
    review.rating, review.note, review.image_sha256, review.batch_id = rating, note, output.image_sha256, batch_id
    s.add(review)
    s.flush()
    output.approvals = _approvals(s, output)
    state = derived(decision, output.approvals, approvals_needed)
    output.revision, output.decision, output.rating = revision + 1, state, rating
    s.execute(update(Score).where(Score.output_id == output_id).values(decision=state))
    s.flush()
    return Reviewed(review.id, output.revision)


def undo_review(
    s: Session, *, uuid: str, output_id: int, revision: int, reviewer: str, approvals_needed: int = 1
) -> Reviewed:
    """Take back the review that led to `revision`, which restores the previous decision, or raise ReviewConflictError.

    If approvals are counted, an approval by someone else is not repeated in this reviewer's name: the output is then
    undecided, and the other approval still counts.
    """
    decision: Decision
    chosen = select(Review).where(Review.output_id == output_id, Review.revision == revision - 2)
    before = s.scalar(chosen)
    anothers = before is not None and before.reviewer != reviewer and before.decision == "approved"
    if before is None or (anothers and approvals_needed > 1):
        decision, rating = "none", 0
    else:
        decision, rating = before.decision, before.rating
    return add_review(
        s,
        uuid=uuid,
        output_id=output_id,
        revision=revision,
        reviewer=reviewer,
        decision=decision,
        rating=rating,
        note="undone",
        approvals_needed=approvals_needed,
    )


def derived(decision: Decision, approvals: int, needed: int) -> Decision:
    """Return the state of an output after the last `decision`, with `approvals` people approving."""
    return "none" if decision == "approved" and approvals < needed else decision


def _approvals(s: Session, output: Output) -> int:
    """Count the people whose latest decision on this image is approval."""
    said = select(Review.reviewer, Review.decision).where(Review.output_id == output.id)
    rows = s.execute(said.where(Review.image_sha256 == output.image_sha256).order_by(Review.revision))
    return sum(decision == "approved" for decision in dict(rows.all()).values())


def _check(uuid: str, reviewer: str, decision: str, rating: int) -> None:
    if not uuid or not reviewer:
        raise CatalogError(f"uuid {uuid!r} and reviewer {reviewer!r}: both have to be given")
    if decision not in DECISIONS:
        raise CatalogError(f"decision {decision!r} is not known; use one of {', '.join(DECISIONS)}")
    if not 0 <= rating <= 5:
        raise CatalogError(f"rating {rating} is outside 1..5; use 0 for none")
