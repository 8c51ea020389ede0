"""Fine-tuning jobs, one row each, which references its checkpoint once it is done, and the runs that wait for them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, only_where_set


class Training(Base):
    """A fine-tuning, named by the SHA-256 of its recipe: everything that decides the result.

    `step` and `resume_sha256` are the last saved step and the saved state; `owner` and its lease are set exactly
    while a process works on it. `error` is why the last attempt failed. `device_seconds` adds up its attempts, on
    devices of which `device` is the class of the last; None: unknown.
    """

    __tablename__ = "trainings"
    __table_args__ = (
        CheckConstraint("(owner IS NULL) = (lease_expires_at IS NULL)", name="lease"),
        Index(None, "reference_id"),
        Index(None, "resume_sha256", **only_where_set("resume_sha256")),
        Index(None, "checkpoint_id", **only_where_set("checkpoint_id")),
    )
    digest: Mapped[str] = mapped_column(primary_key=True)
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_id: Mapped[int | None] = mapped_column(ForeignKey("masks.id"))
    profile_id: Mapped[int] = mapped_column(ForeignKey("profiles.id"))
    recipe: Mapped[dict[str, Any]]
    step: Mapped[int] = mapped_column(server_default="0", default=0)
    resume_sha256: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    error: Mapped[str | None]
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id"))
    device_seconds: Mapped[float | None]
    device: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class RunTraining(Base):
    """A fine-tuning that a run requested, in the order of its spec.

    `cells`: how many cells of the run use its checkpoint; `planned`: whether they are among the run's cells yet.
    `error`: why it failed in this run, so that no other worker of the run tries it again. It is deleted with its run or
    its fine-tuning.
    """

    __tablename__ = "run_trainings"
    __table_args__ = (Index(None, "training_digest"),)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    training_digest: Mapped[str] = mapped_column(ForeignKey("trainings.digest", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int]
    cells: Mapped[int]
    planned: Mapped[bool]
    error: Mapped[str | None]
