"""Who decided on an output, and when: the reviews that nobody took back."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.schema import Output, Review


@dataclass(frozen=True)
class ReviewedBy:
    """The last reviewer of an output's image and when, and everyone who approves of it."""

    reviewer: str
    reviewed_at: datetime
    approved_by: Sequence[str]


def reviews_of_image(output_id: int, image_sha256: str) -> Select[Review]:
    """Select the reviews of one image of an output, oldest first."""
    rows = select(Review).where(Review.output_id == output_id, Review.image_sha256 == image_sha256)
    return rows.order_by(Review.revision)


def standing(reviews: Iterable[Review]) -> list[Review]:
    """List those of an image's reviews that nobody took back, oldest first."""
    reviews = [*reviews]
    taken_back = {one.undoes for one in reviews if one.undoes is not None}
    return [one for one in reviews if one.undoes is None and one.revision not in taken_back]


def reviewed_by(s: Session, output_ids: Sequence[int]) -> dict[int, ReviewedBy]:
    """Say of each of these outputs who decided on it; those that nobody decided on are omitted."""
    found: dict[int, list[Review]] = defaultdict(list)
    rows = select(Review).join(Output, Output.id == Review.output_id).where(Review.image_sha256 == Output.image_sha256)
    for part in chunks(output_ids):
        for review in s.scalars(rows.where(Review.output_id.in_(part)).order_by(Review.revision)):
            found[review.output_id].append(review)
    return {output: _said(left) for output, reviews in found.items() if (left := standing(reviews))}


def _said(left: Sequence[Review]) -> ReviewedBy:
    latest = {one.reviewer: one.decision for one in left}
    approving = sorted(who for who, said in latest.items() if said == "approved")
    return ReviewedBy(left[-1].reviewer, left[-1].created_at, approving)
