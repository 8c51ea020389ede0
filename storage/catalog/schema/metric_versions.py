"""What is known of a metric's version: the licences of the models that compute it."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from storage.catalog.database.base import Base, now


class MetricVersion(Base):
    """A version of a metric that has scored. `licences`: the name of each of its models' licence, when it last scored.

    Scores of versions before this table was there have no row.
    """

    __tablename__ = "metric_versions"
    metric: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    licences: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
