"""What processes are at work on now, and what they have spent on generating, fine-tuning and scoring."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of, only_where_set
from storage.catalog.records import WORK_KINDS, WorkKind


class WorkSession(Base):
    """One process at one kind of work, from its first item to its last; `run_id` is None outside a run.

    All figures are totals since `started_at`, written again with every beat (`seen_at`). `device` is a class of
    devices, such as "cpu" or "NVIDIA H200"; `device_seconds` includes `model_load_seconds`. `items` counts cells,
    fine-tunings or scores. It is at work if it has no `ended_at` and was seen recently.
    """

    __tablename__ = "work_sessions"
    __table_args__ = (
        CheckConstraint(one_of("kind", WORK_KINDS), name="kind"),
        Index(None, "run_id", **only_where_set("run_id")),
        Index(None, "seen_at"),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    owner: Mapped[str]
    kind: Mapped[WorkKind] = mapped_column(String)
    device: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    device_seconds: Mapped[float]
    items: Mapped[int]
    failures: Mapped[int]
    leases_lost: Mapped[int]
    uploads_waiting: Mapped[int]
    model_loads: Mapped[int]
    model_load_seconds: Mapped[float]


class WorkerRow(Base):
    """A worker: the lease of all cells that it holds, and what it is generating.

    A cell is abandoned only when both its own lease and its worker's have expired: so a heartbeat renews one row, not
    one for each cell. `run_id` and `subject_id`: of the chunk that it claimed last; no foreign keys, since a run or
    subject may be deleted meanwhile.
    """

    __tablename__ = "workers"
    __table_args__ = (Index(None, "run_id"),)
    owner: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str | None]
    subject_id: Mapped[int | None]
    lease_expires_at: Mapped[datetime]
    started_at: Mapped[datetime] = mapped_column(default=now)
