"""Which numbers an order was first carried out with, so that better defaults change nothing that is there."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of
from storage.catalog.records import NUMBERS_OWNERS


class FirstNumbers(Base):
    """The profile's `numbers` that count for a spec, by its name, or for a subject's fine-tuning; `revision`: SHA-256.

    They are those of the first run, until somebody asks for newer defaults.
    """

    __tablename__ = "first_numbers"
    __table_args__ = (CheckConstraint(one_of("kind", NUMBERS_OWNERS), name="kind"),)
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str]
    numbers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
