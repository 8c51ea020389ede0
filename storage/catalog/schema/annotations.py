"""What is known of a reference beside its mask: its caption, its pose, its depth map and other control images."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, only_where_set
from storage.catalog.records import Given


class Annotation(Base):
    """A version of a reference's own caption (`text`) or control image (`image_sha256`), of the kind `kind`.

    Neither: nothing of this kind was found, such as no person whose pose it could be. `version` counts a reference's
    annotations of a kind from 1; `turn`, `given`, `giver` and `given_at` are as in Mask.

    `method` is the name and version of what found it ("user": a person gave it), `licence` the name of its model's
    licence, `confidence` how sure it was, None if it gives none. `words`: the class word and the style's word that a
    found caption begins with; for other words it is found anew. `notes` is a JSON list of what a person should know.
    """

    __tablename__ = "annotations"
    __table_args__ = (
        CheckConstraint("(kind = 'caption') = (text IS NOT NULL)", name="text"),
        CheckConstraint("text IS NULL OR image_sha256 IS NULL", name="content"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        Index(None, "reference_id", "kind", "turn"),
        Index(None, "reference_id", "kind", "version", unique=True),
        Index(None, "image_sha256", **only_where_set("image_sha256")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    reference_id: Mapped[int] = mapped_column(ForeignKey("refs.id"))
    kind: Mapped[str]
    text: Mapped[str | None]
    image_sha256: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    method: Mapped[str]
    words: Mapped[str | None]
    confidence: Mapped[float | None]
    licence: Mapped[str | None]
    version: Mapped[int]
    turn: Mapped[int]
    given: Mapped[Given] = mapped_column(String, server_default="found", default="found")
    giver: Mapped[str | None]
    given_at: Mapped[datetime | None]
    notes: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=now)
