"""Fine-tuning jobs: planned once, claimed by one process at a time, and finished once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, or_, select, true, update
from sqlalchemy.orm import Session

from storage.catalog.claims import MAX_ERROR_LENGTH, RELEASED, expired, leased
from storage.catalog.database.sql import insert_into, instant
from storage.catalog.records import LeaseLostError, NotInCatalogError
from storage.catalog.schema import Checkpoint, Training
from storage.catalog.writes.blobs import require_blob
from storage.catalog.writes.lineage import record_event
from storage.catalog.writes.runs.models import add_checkpoint
from storage.catalog.writes.runs.spent import spent


def plan_training(
    s: Session, digest: str, *, reference_id: int, mask_id: int | None, profile_id: int, recipe: Mapping[str, Any]
) -> None:
    """Plan the fine-tuning whose recipe has this SHA-256; an existing one is left unchanged."""
    row = {"digest": digest, "reference_id": reference_id, "mask_id": mask_id, "profile_id": profile_id}
    insert = insert_into(s, Training).values({**row, "recipe": dict(recipe), "step": 0})
    s.execute(insert.on_conflict_do_nothing(index_elements=[Training.digest]))


def claim_training(s: Session, digest: str, owner: str, lease_seconds: float) -> bool:
    """Claim the fine-tuning; False if it is done or leased by a live process.

    Claimable are jobs whose lease expired or whose owner was a process of this machine that has died. Raises
    NotInCatalogError if it was never requested.
    """
    held = s.execute(select(Training.owner, Training.checkpoint_id).where(Training.digest == digest)).first()
    if held is None:
        raise NotInCatalogError(f"training {digest!r} is not in the catalog; plan_training(...) enters it")
    at = instant(s)
    free = or_(Training.owner.is_(None), expired(at, [held.owner]))
    news = {"error": None} | leased(owner, at, lease_seconds)
    claimed = _change(s, digest, Training.checkpoint_id.is_(None) & free, news)
    if claimed:
        record_event(s, "training", digest, "started", actor=owner)
    return claimed


def renew_training(s: Session, digest: str, owner: str, lease_seconds: float) -> bool:
    """Renew the lease for `lease_seconds` from now; False if this owner has lost it."""
    return _change(s, digest, Training.owner == owner, leased(owner, instant(s), lease_seconds))


def save_training_state(s: Session, digest: str, *, owner: str, step: int, resume_sha256: str) -> None:
    """Save the state, a recorded blob, from which it can resume at `step`. Raises LeaseLostError."""
    require_blob(s, "resume_sha256", resume_sha256)
    if not _change(s, digest, Training.owner == owner, {"step": step, "resume_sha256": resume_sha256}):
        raise _lost(digest, owner)


def finish_training(s: Session, digest: str, *, owner: str, step: int, weights_sha256: str, **figures: Any) -> int:
    """Finish the job and return the id of its checkpoint, whose weights are a recorded blob. Drops the saved state.

    `figures`: results for its history, as JSON values. Raises LeaseLostError.
    """
    row = s.scalar(select(Training).where(Training.digest == digest).with_for_update())
    if row is None or row.owner != owner:
        raise _lost(digest, owner)
    checkpoint = add_checkpoint(
        s,
        reference_id=row.reference_id,
        mask_id=row.mask_id,
        profile_id=row.profile_id,
        weights_sha256=weights_sha256,
        settings=row.recipe,
    )
    row.checkpoint_id, row.step, row.resume_sha256, row.owner, row.lease_expires_at = checkpoint, step, None, None, None
    s.flush()
    record_event(s, "training", digest, "finished", actor=owner, checkpoint_id=checkpoint, step=step, **figures)
    return checkpoint


def release_training(s: Session, digest: str, *, owner: str, error: str | None = None) -> bool:
    """Release it unfinished, with the error if it failed; False if this owner has lost it."""
    reason = None if error is None else error[:MAX_ERROR_LENGTH]
    return _change(s, digest, Training.owner == owner, RELEASED | {"error": reason})


def spend_on_training(s: Session, digest: str, device_seconds: float, device: str) -> None:
    """Add what it took of a device of the class `device` since this was last added."""
    _change(s, digest, true(), spent(device_seconds, device, Training))


def mark_training_lost(s: Session, digest: str) -> None:
    """Record that its checkpoint's bytes are missing from the store, so that it can be claimed again."""
    lost = (
        select(Checkpoint.id).join(Training, Training.checkpoint_id == Checkpoint.id).where(Training.digest == digest)
    )
    for checkpoint in s.scalars(lost).all():
        record_event(s, "checkpoint", checkpoint, "lost")
    _change(s, digest, Training.checkpoint_id.is_not(None), {"checkpoint_id": None, "step": 0, "resume_sha256": None})


def _change(s: Session, digest: str, where: ColumnElement[bool], news: dict[str, Any]) -> bool:
    changed = update(Training).where(Training.digest == digest, where).values(news).returning(Training.digest)
    return s.scalars(changed, execution_options={"synchronize_session": False}).first() is not None


def _lost(digest: str, owner: str) -> LeaseLostError:
    return LeaseLostError(f"training {digest} is no longer leased by {owner}; claim it again or drop it")
