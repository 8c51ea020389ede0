"""Adds what runs spend to the month of their project."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.sql import insert_into, instant
from storage.catalog.schema import ProjectMonth, Run
from storage.catalog.views.projects.quotas import month_of


def spend_in_project(s: Session, run_id: str | None, seconds: float) -> None:
    """Add device-seconds to the present month of the run's project; nothing for a run of no project."""
    if run_id is None or seconds <= 0:
        return
    project_id = s.scalar(select(Run.project_id).where(Run.id == run_id))
    if project_id is None:
        return
    row = {"project_id": project_id, "month": month_of(instant(s)), "device_seconds": seconds}
    more = {"device_seconds": ProjectMonth.device_seconds + seconds}
    keys = [ProjectMonth.project_id, ProjectMonth.month]
    s.execute(insert_into(s, ProjectMonth).values(row).on_conflict_do_update(index_elements=keys, set_=more))
