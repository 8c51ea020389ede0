"""What is there already of an order."""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import chunks
from storage.catalog.schema import Cell, Profile, Subject, Training


def newest_weights(s: Session, profile: str) -> str | None:
    """Return the digest of the weights that a profile had when the catalog last met new ones; None: never used."""
    rows = select(Profile.weights_digest).where(Profile.name == profile)
    return s.scalar(rows.order_by(Profile.id.desc()).limit(1))


def subjects_with_images(s: Session, subject_ids: Sequence[int]) -> Collection[int]:
    """Return those of the subjects that have a generated image."""
    generated = select(Cell.id).where(Cell.subject_id == Subject.id, Cell.state == "generated").exists()
    rows = select(Subject.id).where(generated)
    return {one for part in chunks(subject_ids) for one in s.scalars(rows.where(Subject.id.in_(part)))}


def seeds_with_images(s: Session, subject_ids: Sequence[int]) -> set[int]:
    """Return the seeds of the generated images of these subjects."""
    rows = select(Cell.seed).where(Cell.state == "generated").distinct()
    return {one for part in chunks(subject_ids) for one in s.scalars(rows.where(Cell.subject_id.in_(part)))}


def finished_trainings(s: Session, digests: Sequence[str]) -> int:
    """Count those of the fine-tunings that are finished."""
    rows = select(func.count()).select_from(Training).where(Training.checkpoint_id.is_not(None))
    return sum(s.scalar(rows.where(Training.digest.in_(part))) or 0 for part in chunks(digests))
