"""Permissions to delete append-only rows, and ids that are never reused.

Reviews and lineage may be deleted, and an audit entry emptied, only while the row is named in `forgetting`: its rows
are inserted and removed in the transaction that forgets, so that no other transaction ever sees one.
"""

from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base


class Forgetting(Base):
    """A row being forgotten: `entity` and `entity_id` as in LineageEvent, or "audit" and the entry's number."""

    __tablename__ = "forgetting"
    entity: Mapped[str] = mapped_column(primary_key=True)
    entity_id: Mapped[str] = mapped_column(primary_key=True)


class RetiredId(Base):
    """The highest id of a table's forgotten rows.

    SQLite would reuse it for the next row, and an old link or a decision made offline would then refer to another
    image.
    """

    __tablename__ = "retired_ids"
    of: Mapped[str] = mapped_column(primary_key=True)
    last_id: Mapped[int]
