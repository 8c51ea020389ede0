"""What lets rows go that otherwise never do, and numbers that are not given out again.

Reviews and lineage may be deleted, and an audit entry emptied, only while the row is named in `forgetting`: its rows
are entered and removed in the transaction that forgets, so that nobody else ever sees one.
"""

from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base


class Forgetting(Base):
    """A row that is being forgotten: `entity` and `entity_id` as in LineageEvent, or "audit" and the entry's number."""

    __tablename__ = "forgetting"
    entity: Mapped[str] = mapped_column(primary_key=True)
    entity_id: Mapped[str] = mapped_column(primary_key=True)


class RetiredId(Base):
    """The highest number of a table's rows that were forgotten.

    SQLite would give it to the next row, and whoever still held the number, in a link or a decision made offline, would
    mean another picture.
    """

    __tablename__ = "retired_ids"
    of: Mapped[str] = mapped_column(primary_key=True)
    last_id: Mapped[int]
