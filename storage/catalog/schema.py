"""The catalog's tables. Changing one means a new file in migrations/versions; a test holds the two equal."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.base import Base, now
from storage.catalog.records import CELL_STATES, RUN_STATES, CellState, RunState


def _one_of(column: str, allowed: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in allowed)})"


class Blob(Base):
    """Bytes that the store holds at keys.blob_key(sha256). The object is written before this row."""

    __tablename__ = "blobs"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    content_type: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Subject(Base):
    """Whom or what the pictures show, under a name of its own."""

    __tablename__ = "subjects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    class_word: Mapped[str]
    style: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Reference(Base):
    """A subject's picture. `turn` rises each time one becomes current: a clock may jump, it may not."""

    __tablename__ = "refs"
    __table_args__ = (UniqueConstraint("subject_id", "image_sha256"), Index(None, "subject_id", "turn"))
    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    image_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    width: Mapped[int]
    height: Mapped[int]
    source: Mapped[str]
    caption: Mapped[str | None]
    turn: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Mask(Base):
    """A reference's foreground. `turn` as in Reference."""

    __tablename__ = "masks"
    __table_args__ = (
        UniqueConstraint("reference_id", "mask_sha256", "method"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        Index(None, "reference_id", "turn"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    method: Mapped[str]
    confidence: Mapped[float]
    doubtful: Mapped[bool]
    turn: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Profile(Base):
    """A model profile with the digest of its weights: other weights are another row."""

    __tablename__ = "profiles"
    __table_args__ = (UniqueConstraint("name", "weights_digest"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    weights_digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Run(Base):
    """One asking for a grid, with its spec as it was read."""

    __tablename__ = "runs"
    __table_args__ = (CheckConstraint(_one_of("state", RUN_STATES), name="state"), Index(None, "started_at"))
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[RunState] = mapped_column(String)
    spec: Mapped[dict[str, Any]]
    flow_run_id: Mapped[str | None] = mapped_column(unique=True)
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class Cell(Base):
    """One picture to make or made. Owner and lease are set exactly while it is being generated."""

    __tablename__ = "cells"
    __table_args__ = (
        CheckConstraint(_one_of("state", CELL_STATES), name="state"),
        CheckConstraint("(state = 'generating') = (owner IS NOT NULL)", name="owner"),
        CheckConstraint("(owner IS NULL) = (lease_expires_at IS NULL)", name="lease"),
        Index(None, "state", "id"),
        Index(None, "subject_id", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_id: Mapped[int | None] = mapped_column(ForeignKey("masks.id"))
    profile_id: Mapped[int] = mapped_column(ForeignKey("profiles.id"))
    prompt: Mapped[str]
    pose: Mapped[str | None]
    seed: Mapped[int] = mapped_column(BigInteger)
    settings: Mapped[dict[str, Any]]
    state: Mapped[CellState] = mapped_column(String)
    owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    attempts: Mapped[int]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class RunCell(Base):
    """A run asked for a cell, at this place of its grid."""

    __tablename__ = "run_cells"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), primary_key=True)
    position: Mapped[int]


class Output(Base):
    """The picture of a cell, one a cell."""

    __tablename__ = "outputs"
    id: Mapped[int] = mapped_column(primary_key=True)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), unique=True)
    image_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Score(Base):
    """What one version of one metric says of an output."""

    __tablename__ = "scores"
    __table_args__ = (UniqueConstraint("output_id", "metric", "version"), Index(None, "metric", "value", "output_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    output_id: Mapped[int] = mapped_column(ForeignKey("outputs.id"))
    metric: Mapped[str]
    version: Mapped[str]
    value: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now)
