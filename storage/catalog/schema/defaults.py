"""The numbers that a spec or fine-tuning was first run with, so that new defaults do not change existing results."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now, one_of
from storage.catalog.records import NUMBERS_OWNERS


class FirstNumbers(Base):
    """The profile's `numbers` used for a spec, by name, or for a subject's fine-tuning; `revision`: their SHA-256.

    They are those of the first run, until newer defaults are requested.
    """

    __tablename__ = "first_numbers"
    __table_args__ = (CheckConstraint(one_of("kind", NUMBERS_OWNERS), name="kind"),)
    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str]
    numbers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
