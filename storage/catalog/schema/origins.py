"""The inputs of generation: blobs, subjects, references, masks, profiles, checkpoints."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, only_where_set
from storage.catalog.records import Given


class Blob(Base):
    """An object in the store at keys.blob_key(sha256). The object is written before this row.

    `marked_at` is when the collector found the blob unreferenced; it is cleared once the blob may be referenced again.
    """

    __tablename__ = "blobs"
    __table_args__ = (Index(None, "marked_at", **only_where_set("marked_at")),)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    content_type: Mapped[str]
    marked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Subject(Base):
    """Whom or what the images show, under a unique name. `project_id`: whose it is, None: everybody's."""

    __tablename__ = "subjects"
    __table_args__ = (Index(None, "project_id", **only_where_set("project_id")),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    class_word: Mapped[str]
    style: Mapped[str]
    project_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Reference(Base):
    """A reference image of a subject. `turn` increases each time one becomes current, independent of clocks."""

    __tablename__ = "refs"
    __table_args__ = (
        UniqueConstraint("subject_id", "image_sha256"),
        Index(None, "subject_id", "turn"),
        Index(None, "image_sha256"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    image_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    width: Mapped[int]
    height: Mapped[int]
    source: Mapped[str]
    caption: Mapped[str | None]
    turn: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class ReferenceMember(Base):
    """One of several references of a subject: `leading_id` is the first of them, itself at position 0.

    A reference that leads no rows is alone, at weight 1. Which set is current follows from which reference is.
    """

    __tablename__ = "reference_members"
    __table_args__ = (
        UniqueConstraint("leading_id", "reference_id"),
        CheckConstraint("weight > 0", name="weight"),
        Index(None, "reference_id"),
    )
    leading_id: Mapped[int] = mapped_column(ForeignKey("refs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    weight: Mapped[float]


class Mask(Base):
    """A reference's foreground. `version` counts a reference's masks from 1; `turn` as in Reference.

    `given` is its origin: found (detected), the file's alpha channel, or provided by a person in a spec, by `ingest` or
    in the dashboard; `giver` is that person if known, `given_at` when they last provided it or requested its detection.
    `warnings` is a JSON list of doubts about it, None until it is assessed. `licence` is the name of the licence of the
    masker's model, None without a model.
    """

    __tablename__ = "masks"
    __table_args__ = (
        UniqueConstraint("reference_id", "mask_sha256", "method"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        Index(None, "reference_id", "turn"),
        Index(None, "reference_id", "version", unique=True),
        Index(None, "mask_sha256"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    method: Mapped[str]
    confidence: Mapped[float]
    doubtful: Mapped[bool]
    version: Mapped[int] = mapped_column(server_default="0")
    turn: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)
    given: Mapped[Given] = mapped_column(String, server_default="found", default="found")
    giver: Mapped[str | None]
    given_at: Mapped[datetime | None]
    warnings: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    licence: Mapped[str | None]


class Profile(Base):
    """A model profile with the digest of its weights: other weights are another row.

    `parts` maps each part of the model (unet, vae, ...) to the digest of its own weights; `licence` is an SPDX tag.
    """

    __tablename__ = "profiles"
    __table_args__ = (UniqueConstraint("name", "weights_digest"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    weights_digest: Mapped[str]
    licence: Mapped[str] = mapped_column(server_default="unknown")
    parts: Mapped[dict[str, Any]] = mapped_column(server_default="{}", default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Checkpoint(Base):
    """A profile fine-tuned to a reference of a subject; `settings` are the numbers it was trained with."""

    __tablename__ = "checkpoints"
    __table_args__ = (
        UniqueConstraint("reference_id", "profile_id", "weights_sha256"),
        Index(None, "subject_id", "id"),
        Index(None, "weights_sha256"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    mask_id: Mapped[int | None] = mapped_column(ForeignKey("masks.id"))
    profile_id: Mapped[int] = mapped_column(ForeignKey("profiles.id"))
    weights_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    settings: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
