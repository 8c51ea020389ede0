"""The processes that generate cells, one row each while they hold any."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now


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
