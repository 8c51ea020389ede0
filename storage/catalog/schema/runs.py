"""The tables of runs and their cells."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of, only_where_set
from storage.catalog.records import CELL_STATES, RUN_STATES, CellState, Priority, RunState

OPEN = "state <> 'generated'"
"""The condition of the cells that are not generated, in the words of the index that holds them alone."""


class Run(Base):
    """One execution of a spec, with the spec as it was read, and its contact sheet once there is one.

    `owner` is the process that runs it, `seen_at` its last heartbeat. `ended_with` counts its cells by state at its
    end, so that nothing counts them again; None while it runs. `reason` is why a run did not complete, `refused`
    maps the names of rejected subjects to the reason. `sheet_key` is the SHA-256 of the sheet's contents: a later run
    with the same contents reuses the sheet. `cancelled_by` is who asked to cancel it; `priority`: its share of the
    workers beside other runs. `project_id`: whose it is, None: everybody's; its subjects are of that project or
    everybody's.
    """

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(one_of("state", RUN_STATES), name="state"),
        Index(None, "started_at"),
        Index(None, "state"),
        Index(None, "finished_at"),
        Index(None, "project_id", **only_where_set("project_id")),
        Index(None, "sheet_sha256", **only_where_set("sheet_sha256")),
        Index(None, "sheet_key", **only_where_set("sheet_key")),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[RunState] = mapped_column(String)
    spec: Mapped[dict[str, Any]]
    flow_run_id: Mapped[str | None] = mapped_column(unique=True)
    sheet_sha256: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    sheet_key: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None]
    seen_at: Mapped[datetime | None]
    ended_with: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    refused: Mapped[dict[str, Any] | None]
    cancelled_by: Mapped[str | None]
    priority: Mapped[Priority] = mapped_column(String, server_default="normal", default="normal")
    project_id: Mapped[int | None]


class Cell(Base):
    """An image, planned or generated. Owner and lease are set exactly while it is being generated.

    `subject_id`, `reference_id` and `mask_id` are those of its first link (storage.catalog.schema.links). `pose` and
    `depth` are its control images, `reference_pose` and `reference_depth` those of its reference. `attempts`
    counts claims, `failures` the attempts since it was last requested that failed by an error of the cell itself.
    `device_seconds` adds up its shares of all attempts, on devices of which `device` is the class of the last; None:
    unknown, as in cells generated before it was recorded.
    """

    __tablename__ = "cells"
    __table_args__ = (
        CheckConstraint(one_of("state", CELL_STATES), name="state"),
        CheckConstraint("(state = 'generating') = (owner IS NOT NULL)", name="owner"),
        CheckConstraint("(owner IS NULL) = (lease_expires_at IS NULL)", name="lease"),
        Index(None, "state", "id"),
        Index(None, "subject_id", "id"),
        Index("ix_cells_open", "subject_id", "id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
        Index(None, "checkpoint_id", "id", **only_where_set("checkpoint_id")),
        Index(None, "pose", **only_where_set("pose")),
        Index(None, "depth", **only_where_set("depth")),
        Index(None, "reference_pose", **only_where_set("reference_pose")),
        Index(None, "reference_depth", **only_where_set("reference_depth")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_id: Mapped[int | None] = mapped_column(ForeignKey("masks.id"))
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id"))
    profile_id: Mapped[int] = mapped_column(ForeignKey("profiles.id"))
    prompt: Mapped[str]
    pose: Mapped[str | None]
    depth: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    reference_pose: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    reference_depth: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    seed: Mapped[int] = mapped_column(BigInteger)
    settings: Mapped[dict[str, Any]]
    state: Mapped[CellState] = mapped_column(String)
    owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    attempts: Mapped[int]
    failures: Mapped[int] = mapped_column(server_default="0", default=0)
    error: Mapped[str | None]
    device_seconds: Mapped[float | None]
    device: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class RunCell(Base):
    """A cell requested by a run, at this position of its grid, first for this subject (None: the cell's own)."""

    __tablename__ = "run_cells"
    __table_args__ = (
        Index(None, "run_id", "position"),
        Index(None, "run_id", "subject_id", "position"),
        Index(None, "cell_id"),
    )
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    position: Mapped[int]
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("subjects.id"))
