"""Measurements of benchmarks: images that are not reviewed or exported."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now


class Measurement(Base):
    """An image of a subject by a method, identified by the SHA-256 of everything that decides it and its metrics.

    `method`, `subject`, `prompt` and `seed` describe it. `measures`: one value per metric, None if it is undefined for
    this image. `prepare_s` and `picture_s`: seconds to prepare the method, and to generate an image.
    """

    __tablename__ = "measurements"
    __table_args__ = (Index(None, "image_sha256"),)
    digest: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str]
    subject: Mapped[str]
    prompt: Mapped[str]
    seed: Mapped[int]
    measures: Mapped[dict[str, Any]]
    prepare_s: Mapped[float]
    picture_s: Mapped[float]
    image_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    created_at: Mapped[datetime] = mapped_column(default=now)
