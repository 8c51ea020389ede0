"""How long people took to decide on the images of a run, from the times of their decisions."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.schema import Output, Review, RunCell

PAUSE_SECONDS = 60.0
"""The longest time between two decisions of a person that counts as work."""
FIRST_SECONDS = 10.0
"""What a decision counts that follows a longer pause."""


def review_seconds(s: Session, run_id: str) -> float:
    """Add up the seconds that people took to decide on the run's images.

    A decision counts the time since the same person's previous one, on whatever image, if that is at most
    PAUSE_SECONDS, else FIRST_SECONDS. The decisions of one bulk action count as one.
    """
    ours = select(RunCell.cell_id).where(RunCell.run_id == run_id)
    outputs = select(Output.id).where(Output.cell_id.in_(ours))
    spans = select(Review.reviewer, func.min(Review.id), func.max(Review.id)).where(Review.output_id.in_(outputs))
    total = 0.0
    for reviewer, first, last in s.execute(spans.group_by(Review.reviewer)).all():
        before = select(func.max(Review.id)).where(Review.reviewer == reviewer, Review.id < first)
        start = s.scalar(before) or first
        rows = select(Review.created_at, Review.batch_id, Review.output_id.in_(outputs).label("ours"))
        rows = rows.where(Review.reviewer == reviewer, Review.id.between(start, last)).order_by(Review.id)
        previous, batch = None, None
        for at, batch_id, counts in s.execute(rows):
            if counts and (batch_id is None or batch_id != batch):
                gap = PAUSE_SECONDS + 1 if previous is None else (at - previous).total_seconds()
                total += gap if 0 <= gap <= PAUSE_SECONDS else FIRST_SECONDS
            previous, batch = at, batch_id
    return total
