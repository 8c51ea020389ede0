"""Scheduled orders: listed, paused, resumed, deleted. Prefect keeps them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.ordering import schedules as kept
from deploy.dashboard.pages import page, redirect
from deploy.dashboard.prefect_api import FlowNotAllowedError, PrefectUnavailableError
from deploy.dashboard.resources import resources
from storage.catalog import writes
from storage.catalog.records import NotInCatalogError

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.get("/orders/schedules")
def schedules(request: Request, person: Operator) -> Response:
    """Show the scheduled orders, or that Prefect is unavailable."""
    away, found = "", list[kept.Schedule]()
    try:
        found = _seen(request)
    except (PrefectUnavailableError, FlowNotAllowedError) as error:
        away = str(error)
    return page(request, "schedules.html", person, schedules=found, away=away)


def _seen(request: Request) -> list[kept.Schedule]:
    """Return the schedules that the person may see. Raises PrefectUnavailableError."""
    known = resources(request)
    every = kept.schedules(known.prefect)
    with known.catalog.read() as s:
        return kept.seen(s, every, known.store)


def _demand_seen(request: Request, schedule_id: UUID) -> str:
    if resources(request).catalog.viewer is not None and str(schedule_id) not in {one.id for one in _seen(request)}:
        raise NotInCatalogError("this schedule is not known; the list shows those that there are")
    return str(schedule_id)


@router.post("/orders/schedules/{schedule_id:uuid}/pause")
def pause(schedule_id: UUID, request: Request, person: Operator) -> Response:
    """Let Prefect place the order no more until it is resumed."""
    one = kept.set_active(resources(request).prefect, _demand_seen(request, schedule_id), False)
    return _done(request, person, "pause schedule", one, "Paused.")


@router.post("/orders/schedules/{schedule_id:uuid}/resume")
def resume(schedule_id: UUID, request: Request, person: Operator) -> Response:
    """Let Prefect place the order again."""
    one = kept.set_active(resources(request).prefect, _demand_seen(request, schedule_id), True)
    return _done(request, person, "resume schedule", one, "Resumed.")


@router.post("/orders/schedules/{schedule_id:uuid}/delete")
def delete(schedule_id: UUID, request: Request, person: Operator) -> Response:
    """Delete a schedule; its runs stay."""
    one = kept.delete_schedule(resources(request).prefect, _demand_seen(request, schedule_id))
    return _done(request, person, "delete schedule", one, "Schedule deleted.")


def _done(request: Request, person: Person, action: str, one: kept.Schedule, notice: str) -> Response:
    about = {"name": one.name, "cron": one.cron, "timezone": one.timezone}
    with resources(request).catalog.write() as s:
        writes.record_audit(s, actor=person.name, action=action, entity="schedule", entity_id=one.id, after=about)
    return redirect("/orders/schedules", notice)
