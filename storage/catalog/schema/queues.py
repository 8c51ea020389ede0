"""Review queues, their parts when several people share the work, who came to one by its link, and their triage."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now


class ReviewQueue(Base):
    """Outputs in the order in which they are reviewed, frozen when it was created.

    `ids` holds lists: `ids` and the outputs' `revisions`; where there are any, `stacks`, each a list whose first is in
    `ids` and stands for the others, and `hidden`, the outputs that triage left out, with what it rests on in `triage`.
    `user_id` is who started it; whoever else has its link may review it too if it is `shared`.
    """

    __tablename__ = "queues"
    __table_args__ = (Index(None, "user_id", "created_at"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    filter: Mapped[dict[str, Any]]
    ids: Mapped[dict[str, Any]]
    shared: Mapped[bool] = mapped_column(server_default=false(), default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class QueueGuest(Base):
    """A person who opened a queue of someone else by its link."""

    __tablename__ = "queue_guests"
    queue_id: Mapped[str] = mapped_column(ForeignKey("queues.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    opened_at: Mapped[datetime] = mapped_column(default=now)


class QueueSplit(Base):
    """A filter's outputs, dealt out as several queues without an output in two of them; `user_id` is who did it."""

    __tablename__ = "splits"
    __table_args__ = (Index(None, "user_id", "created_at"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    filter: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class QueuePart(Base):
    """One part of a split, from 1: its queue, and the person who took it, None while it is free."""

    __tablename__ = "split_parts"
    __table_args__ = (Index(None, "holder_id"),)
    split_id: Mapped[str] = mapped_column(ForeignKey("splits.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    queue_id: Mapped[str] = mapped_column(ForeignKey("queues.id"), unique=True)
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class TriageModel(Base):
    """A logistic model of what the people of a project keep, fitted to decisions on its images alone.

    `project_id`: None is of images that belong to no project. The newest of a `version` is used.

    `decisions`: how many it was fitted to, and `keepers` of them, which are those approved. `weights` is JSON that only
    the version that fitted it reads.
    """

    __tablename__ = "triage_models"
    __table_args__ = (Index(None, "version", "project_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str]
    project_id: Mapped[int | None]
    decisions: Mapped[int]
    keepers: Mapped[int]
    weights: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
