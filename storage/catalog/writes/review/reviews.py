"""Reviews: the decisions of people. All are stored; the last one of an image is its decision."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.catalog.records import DECISIONS, CatalogError, Decision, NotInCatalogError, ReviewConflictError
from storage.catalog.schema import Output, Review, Score
from storage.catalog.views.review.reviewers import reviews_of_image, standing

UNDONE = "undone"  # the note of a review that takes another back


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
    output = _locked(s, output_id)
    said = s.scalar(select(Review).where(Review.uuid == uuid))
    if said is not None:
        if (said.output_id, said.reviewer, said.decision, said.rating) != (output_id, reviewer, decision, rating):
            raise CatalogError(f"uuid {uuid!r} names another review, {said.id}; make a new uuid for each decision")
        return Reviewed(said.id, said.revision + 1)
    _check_revision(output, revision, decision)
    review = Review(uuid=uuid, output_id=output_id, revision=revision, reviewer=reviewer, decision=decision)
    review.rating, review.note, review.image_sha256, review.batch_id = rating, note, output.image_sha256, batch_id
    return _stored(s, output, review, review, approvals_needed)


def undo_review(
    s: Session, *, uuid: str, output_id: int, revision: int, reviewer: str, approvals_needed: int = 1
) -> Reviewed:
    """Take back the reviewer's last review of the output as it is at `revision`, which restores what was before it.

    A review that was taken back already does not count, so that undoing twice takes back two reviews. The row that is
    added holds the reviewer's own previous decision on this image; the output gets that of the last review that is
    left, whoever made it. The same `uuid` is stored once.

    Raises ReviewConflictError if the output was reviewed or regenerated since that revision, or if its last review is
    someone else's; CatalogError if no review of this image is left.
    """
    output = _locked(s, output_id)
    said = s.scalar(select(Review).where(Review.uuid == uuid))
    if said is not None and (said.output_id, said.reviewer) == (output_id, reviewer) and said.undoes is not None:
        return Reviewed(said.id, said.revision + 1)
    _check_revision(output, revision, "undo")
    left = standing(s.scalars(reviews_of_image(output.id, output.image_sha256)).all())
    if not left:
        raise CatalogError(f"output {output_id}: no decision on this picture is left to take back")
    last = left.pop()
    if last.reviewer != reviewer:
        raise ReviewConflictError(
            f"output {output_id}: the last decision is {last.reviewer}'s, who alone can take it back", output.revision
        )
    own = next((one for one in reversed(left) if one.reviewer == reviewer), None)
    decision, rating = ("none", 0) if own is None else (own.decision, own.rating)
    review = Review(uuid=uuid, output_id=output_id, revision=revision, reviewer=reviewer, decision=decision)
    review.rating, review.note, review.image_sha256, review.undoes = rating, UNDONE, output.image_sha256, last.revision
    return _stored(s, output, review, left[-1] if left else None, approvals_needed)


def derived(decision: Decision, approvals: int, needed: int) -> Decision:
    """Return the state of an output after the last `decision`, with `approvals` people approving."""
    return "none" if decision == "approved" and approvals < needed else decision


def _locked(s: Session, output_id: int) -> Output:
    chosen = select(Output).where(Output.id == output_id).with_for_update(key_share=True)
    output = s.scalar(chosen.execution_options(populate_existing=True))
    if output is None:
        raise NotInCatalogError(f"output_id {output_id} is not in the catalog; gallery_page(...) lists what there is")
    return output


def _check_revision(output: Output, revision: int, decision: str) -> None:
    if output.revision != revision:
        raise ReviewConflictError(
            f"output {output.id} is at revision {output.revision}, and {decision!r} was decided on revision "
            f"{revision}; look at it again",
            output.revision,
        )


def _stored(s: Session, output: Output, review: Review, last: Review | None, approvals_needed: int) -> Reviewed:
    """Store a review; the output's state follows from `last`, the last review that stands, and from its approvals."""
    s.add(review)
    s.flush()
    output.approvals = _approvals(s, output)
    state = "none" if last is None else derived(last.decision, output.approvals, approvals_needed)
    output.revision, output.decision, output.rating = review.revision + 1, state, 0 if last is None else last.rating
    s.execute(update(Score).where(Score.output_id == output.id).values(decision=state))
    s.flush()
    return Reviewed(review.id, output.revision)


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
