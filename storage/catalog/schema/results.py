"""What came of it: outputs, their scores and reviews, and the history of everything.

Some columns are copies (`subject_id`, the first of the subjects that storage.catalog.schema.links lists, and
`decision`), so that one index can begin with what a page asks for and end with the order that it is shown in;
storage.catalog.writes alone keeps them true.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of, only_where_set
from storage.catalog.records import DECISIONS, Decision


class Output(Base):
    """The picture of a cell, one a cell.

    `revision` rises with every review and every change of the picture; `decision` and `rating` (0: none) are those of
    the last review of this picture. `approvals` counts who approved it and did not take that back; while more of them
    are wanted `decision` stays "none". `run_id` is the run that made it.
    """

    __tablename__ = "outputs"
    __table_args__ = (
        CheckConstraint(one_of("decision", DECISIONS), name="decision"),
        Index(None, "decision", "id"),
        Index(None, "image_sha256"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    cell_id: Mapped[int] = mapped_column(ForeignKey("cells.id"), unique=True)
    subject_id: Mapped[int] = mapped_column(server_default="0")
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    image_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    width: Mapped[int]
    height: Mapped[int]
    revision: Mapped[int] = mapped_column(server_default="1", default=1)
    decision: Mapped[Decision] = mapped_column(String, server_default="none", default="none")
    rating: Mapped[int] = mapped_column(server_default="0", default=0)
    approvals: Mapped[int] = mapped_column(server_default="0", default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class AttentionMap(Base):
    """Where the point (x, y), each 0..1 from the upper left corner, of an output's picture looked; the newest counts.

    `image_sha256` is the picture that it is of: an output may be made anew.
    """

    __tablename__ = "attention_maps"
    __table_args__ = (Index(None, "output_id", "id"), Index(None, "map_sha256"))
    id: Mapped[int] = mapped_column(primary_key=True)
    output_id: Mapped[int] = mapped_column(ForeignKey("outputs.id"))
    image_sha256: Mapped[str]
    map_sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    x: Mapped[float]
    y: Mapped[float]
    said: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Score(Base):
    """What one version of one metric says of an output; `current` is the version that scored it last."""

    __tablename__ = "scores"
    __table_args__ = (
        UniqueConstraint("output_id", "metric", "version"),
        Index(None, "metric", "current", "value", "output_id"),
        Index(None, "decision", "metric", "current", "value", "output_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    output_id: Mapped[int] = mapped_column(ForeignKey("outputs.id"))
    subject_id: Mapped[int] = mapped_column(server_default="0")
    decision: Mapped[Decision] = mapped_column(String, server_default="none", default="none")
    metric: Mapped[str]
    version: Mapped[str]
    value: Mapped[float]
    current: Mapped[bool] = mapped_column(server_default=true(), default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Review(Base):
    """What a person decided on an output as it was at `revision`. Append-only; `uuid` is made by the client.

    `batch_id` is the decision on many that it is part of.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("output_id", "revision"),
        CheckConstraint(one_of("decision", DECISIONS), name="decision"),
        CheckConstraint("rating BETWEEN 0 AND 5", name="rating"),
        Index(None, "reviewer", "id"),
        Index(None, "batch_id", "id", **only_where_set("batch_id")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    output_id: Mapped[int] = mapped_column(ForeignKey("outputs.id"))
    revision: Mapped[int]
    image_sha256: Mapped[str]
    reviewer: Mapped[str]
    decision: Mapped[Decision] = mapped_column(String)
    rating: Mapped[int]
    note: Mapped[str]
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class LineageEvent(Base):
    """Something that happened to a row of the catalog. Append-only.

    `entity` names a table and `entity_id` the row in it by what outlives a copy of the catalog: digest or id, as text.
    """

    __tablename__ = "lineage"
    __table_args__ = (Index(None, "entity", "entity_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str]
    entity_id: Mapped[str]
    event: Mapped[str]
    actor: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
