"""Schedules of orders: kept by Prefect alone, as schedules of the catalog flow's deployment with the spec of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy.orm import Session

from deploy.dashboard.flow_parameters import CATALOG
from deploy.dashboard.prefect_api import PrefectApi
from flows.spec.feed import read_feed
from flows.spec.feed_source import FROM
from flows.spec.stored import written_out
from storage.catalog import views
from storage.catalog.narrowing import viewer_of
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.objects import DigestMismatchError, ObjectMissingError, ObjectStore, get_blob
from storage.sources import SourceError, object_digest

_PART = re.compile(r"(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?(,(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?)*")
_adding = Lock()
EXAMPLE = "0 6 * * 1-5 is six in the morning from Monday to Friday"


@dataclass(frozen=True)
class Schedule:
    """An order that Prefect places again and again. `name`: of its spec; `cron`: when, in this time zone."""

    id: str
    name: str
    cron: str
    timezone: str
    active: bool
    parameters: Mapping[str, Any]


def schedules(prefect: PrefectApi) -> list[Schedule]:
    """List the scheduled orders by name. Raises PrefectUnavailableError."""
    rows = prefect.request("GET", f"/deployments/{prefect.deployment_id(CATALOG)}/schedules")
    found = [_schedule(row) for row in rows if isinstance((row.get("parameters") or {}).get("spec"), dict)]
    return sorted(found, key=lambda one: (one.name.casefold(), one.cron))


def _schedule(row: Mapping[str, Any]) -> Schedule:
    when, parameters = row.get("schedule") or {}, row["parameters"]
    name = str(parameters["spec"].get("name") or "without a name")
    cron = str(when.get("cron") or "by another rule")
    return Schedule(row["id"], name, cron, str(when.get("timezone") or "UTC"), bool(row.get("active")), parameters)


def seen(s: Session, found: Sequence[Schedule], store: ObjectStore) -> list[Schedule]:
    """Return those schedules whose project and subjects the session sees. Raises StoreError.

    `store`: has the specs and tables that schedules name by their places.
    """
    if viewer_of(s) is None:
        return list(found)
    return [one for one in found if _is_seen(s, one.parameters["spec"], store)]


def _is_seen(s: Session, spec: Mapping[str, Any], store: ObjectStore) -> bool:
    try:
        spec = written_out(spec, lambda: store)
        names = _names(spec.get("subjects"), store)
    except (SourceError, ObjectMissingError, DigestMismatchError):
        return False  # nobody knows what it would show
    project = spec.get("project")
    try:
        views.project_of_order(s, None if project is None else str(project), names)
    except CatalogError:
        return False
    return not views.hidden_names(s, names)


def _names(subjects: Any, store: ObjectStore) -> list[str]:
    """Return the names of the subjects of a spec, which may be those of a stored table.

    Raises SourceError for a table elsewhere, which is read with each run: its subjects may be any.
    """
    if isinstance(subjects, Mapping):
        sha256 = object_digest(str(subjects.get(FROM)))
        if sha256 is None:
            raise SourceError("the table of subjects is not in the object store")
        return [one.name for one in read_feed(get_blob(store, sha256), paths=False).subjects]
    rows = subjects if isinstance(subjects, list) else ()
    return [str(one["name"]) for one in rows if isinstance(one, Mapping) and "name" in one]


def add_schedule(prefect: PrefectApi, parameters: Mapping[str, Any], cron: str, timezone: str) -> str:
    """Let Prefect place an order at these times and return the schedule's id; that of the same one if there is one.

    Raises CatalogError naming the field, PrefectUnavailableError.
    """
    cron, timezone = " ".join(cron.split()), timezone.strip() or "UTC"
    parts = cron.split(" ")
    if len(parts) != 5 or not all(_PART.fullmatch(one) for one in parts):
        raise CatalogError(f"cron: {cron[:40]!r} is not five fields: minute, hour, day, month, weekday; {EXAMPLE}")
    if timezone not in available_timezones():
        raise CatalogError(f"timezone: {timezone[:40]!r} is not known; write for example Europe/Berlin or UTC")
    wanted = {"schedule": {"cron": cron, "timezone": timezone}, "active": True, "parameters": dict(parameters)}
    with _adding:  # a form that is sent twice is one schedule
        for one in schedules(prefect):
            if (one.cron, one.timezone, one.active, one.parameters) == (cron, timezone, True, dict(parameters)):
                return one.id
        return _added(prefect, wanted)


def _added(prefect: PrefectApi, wanted: Mapping[str, Any]) -> str:
    made = prefect.request("POST", f"/deployments/{prefect.deployment_id(CATALOG)}/schedules", [wanted])
    return str(made[0]["id"])


def set_active(prefect: PrefectApi, schedule_id: str, active: bool) -> Schedule:
    """Pause a schedule or let it go on. Raises NotInCatalogError, PrefectUnavailableError."""
    one = _one(prefect, schedule_id)
    # the server replaces the parameters of a schedule by those of the change
    change = {"active": active, "parameters": dict(one.parameters)}
    prefect.request("PATCH", f"/deployments/{prefect.deployment_id(CATALOG)}/schedules/{schedule_id}", change)
    return one


def delete_schedule(prefect: PrefectApi, schedule_id: str) -> Schedule:
    """Delete a schedule; what it has ordered goes on. Raises NotInCatalogError, PrefectUnavailableError."""
    one = _one(prefect, schedule_id)
    prefect.request("DELETE", f"/deployments/{prefect.deployment_id(CATALOG)}/schedules/{schedule_id}")
    return one


def _one(prefect: PrefectApi, schedule_id: str) -> Schedule:
    found = next((one for one in schedules(prefect) if one.id == schedule_id), None)
    if found is None:
        raise NotInCatalogError("this schedule does not exist any more; reload the page")
    return found
