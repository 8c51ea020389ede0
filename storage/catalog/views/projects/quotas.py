"""What a project may spend in a month, and what is left of it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.schema import Project, ProjectMonth, Run

WARNS_AT = 0.8  # of the quota


@dataclass(frozen=True)
class Quota:
    """Device-seconds of a project in a calendar month in UTC, such as "2026-11". `quota` None: without a limit."""

    project: str
    month: str
    quota: float | None
    spent: float

    @property
    def left(self) -> float | None:
        """Return what is left, at least 0; None: without a limit."""
        return None if self.quota is None else max(0.0, self.quota - self.spent)

    @property
    def share(self) -> float | None:
        """Return the share that is spent, 0 and up; None: without a limit."""
        if self.quota is None:
            return None
        return self.spent / self.quota if self.quota > 0 else 1.0

    @property
    def used_up(self) -> bool:
        """Return whether nothing is left."""
        return self.left == 0.0

    @property
    def warning(self) -> str:
        """Return a sentence from 80 % of the quota on; "" before."""
        if self.quota is None or self.share is None or self.share < WARNS_AT:
            return ""
        said = (
            f"project {self.project!r} has used {self.spent:,.0f} of {self.quota:,.0f} device-seconds in {self.month}"
        )
        return f"{said}, {self.share:.0%} of its quota"


def month_of(at: datetime) -> str:
    """Return the calendar month of an instant in UTC, such as "2026-11"."""
    return at.astimezone(UTC).strftime("%Y-%m")


def quota_left(s: Session, project_id: int | None, at: datetime | None = None) -> Quota | None:
    """Return what a project has spent in the month of `at` (default: now), and its quota; None: of no project."""
    found = s.execute(select(Project.name, Project.quota).where(Project.id == project_id)).first()
    if found is None:
        return None
    month = month_of(at or now())
    spent = select(ProjectMonth.device_seconds)
    spent = spent.where(ProjectMonth.project_id == project_id, ProjectMonth.month == month)
    return Quota(project=found.name, month=month, quota=found.quota, spent=s.scalar(spent) or 0.0)


def quota_of_run(s: Session, run_id: str) -> Quota | None:
    """Return the quota of a run's project in this month; None: it is of no project."""
    return quota_left(s, s.scalar(select(Run.project_id).where(Run.id == run_id)))


def over_quota(quota: Quota | None, estimate: float | None) -> str:
    """Return why an order that takes an estimated number of device-seconds is above a quota; "" if it is not.

    `estimate` None: unknown; it is refused only if nothing is left. 0: there is nothing to generate.
    """
    if quota is None or quota.left is None or estimate == 0:
        return ""
    needed = "" if estimate is None else f", and this order takes about {estimate:,.0f}"
    if not quota.used_up and (estimate is None or estimate <= quota.left):
        return ""
    left = f"{quota.left:,.0f} of {quota.quota:,.0f} device-seconds are left to {quota.project!r} in {quota.month}"
    return f"project: {left}{needed}; order less, wait for the next month, or ask an admin to raise the quota"
