"""The part of Prefect's REST API that the dashboard uses. Credentials stay on the server."""

from __future__ import annotations

import json
import math
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.dashboard.settings import Settings
from deploy.deployments import declared, outdated
from storage.proxies import through_proxies

SECONDS = 4.0
SCHEMA_SECONDS = 60.0
"""How long a schema is used before the server is asked again."""
BUSY, PAUSES = 503, (0.2, 0.5, 1.0)
"""HTTP status of a server whose database is locked, and the seconds to wait before each retry."""


class PrefectUnavailableError(Exception):
    """Prefect does not respond or rejects the request; the message is shown to users."""


class PrefectRefusedError(PrefectUnavailableError):
    """Prefect rejects the request itself, such as parameters that the flow does not take."""


class FlowNotAllowedError(PrefectUnavailableError):
    """The deployment is not in the list of allowed flows."""


@dataclass(frozen=True)
class Deployment:
    """A flow that can be started; `schema` is the JSON schema of its parameters."""

    id: str
    name: str
    description: str
    schema: Mapping[str, Any]
    parameters: Mapping[str, Any]
    outdated: str = ""
    """Why a worker cannot find the flow (an earlier version registered it), and the remedy."""


@dataclass(frozen=True)
class FlowRun:
    """A flow run; `state` is Prefect's state type, such as "SCHEDULED" or "RUNNING"."""

    id: str
    name: str
    deployment: str
    state: str
    state_name: str
    started: str

    @property
    def ended(self) -> bool:
        """Whether it can no longer be cancelled."""
        return self.state in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED", "CANCELLING")


def once_key(once: object, name: str, parameters: Mapping[str, Any]) -> str | None:
    """Return the key of an order by a form, so that one that is sent twice starts one flow run.

    `once`: the id of the form as it was shown; None or empty: each order is another. The same form with other
    parameters is another order.
    """
    given = str(once or "")[:64]
    if not given:
        return None
    return str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([given, name, parameters], sort_keys=True)))


class PrefectApi:
    """Client for the allowed deployments of one server and their runs, shared by all threads."""

    def __init__(self, settings: Settings) -> None:
        self.allowed = settings.flows
        self.ui = settings.prefect_ui
        self._api = settings.prefect_api
        headers = {"Authorization": f"Bearer {settings.prefect_key}"} if settings.prefect_key else {}
        auth: httpx.Auth | None = None
        if ":" in settings.prefect_key:  # user:password, as a self-hosted server wants it
            user, _, password = settings.prefect_key.partition(":")
            headers, auth = {}, httpx.BasicAuth(user, password)
        self._client = httpx.Client(timeout=SECONDS, headers=headers, auth=auth, trust_env=through_proxies(self._api))
        self._lock = threading.Lock()
        self._ids: dict[str, str] = {}
        self._declared = declared()
        self._schemas: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def deployments(self) -> list[Deployment]:
        """List the allowed deployments that the server has. Raises PrefectUnavailableError."""
        found = []
        for name in self.allowed:
            row = self.request("GET", f"/deployments/name/{name}", missing=True)
            if row is not None:
                with self._lock:
                    self._ids[row["id"]] = name
                schema = row.get("parameter_openapi_schema") or {}
                words = row.get("description") or ""
                old = "".join(map(str, outdated([row], self._declared)))
                found.append(Deployment(row["id"], name, words, schema, row.get("parameters") or {}, old))
        return found

    def schema(self, name: str) -> Mapping[str, Any]:
        """Return the JSON schema of a deployment's parameters, at most a minute old; empty while Prefect is away."""
        with self._lock:
            at, found = self._schemas.get(name, (-math.inf, {}))
        if self._api and time.monotonic() - at > SCHEMA_SECONDS:
            try:
                row = self.request("GET", f"/deployments/name/{name}", missing=True)
                found = (row or {}).get("parameter_openapi_schema") or {}
            except PrefectUnavailableError:
                pass  # asked again in a minute
            with self._lock:
                self._schemas[name] = (time.monotonic(), found)
        return found

    def deployment_id(self, name: str) -> str:
        """Return the id of an allowed deployment. Raises FlowNotAllowedError, PrefectUnavailableError."""
        if name not in self.allowed:
            raise FlowNotAllowedError(f"{name!r} is not an allowed flow; see DREAMTUNER_DASHBOARD_FLOWS")
        row = self.request("GET", f"/deployments/name/{name}", missing=True)
        if row is None:
            raise PrefectUnavailableError(f"Prefect has no deployment {name}; run `dreamtuner deploy` first")
        return str(row["id"])

    def start(self, name: str, parameters: Mapping[str, Any], *, key: str | None = None) -> str:
        """Start a run and return its id; the same `key` again returns the same run.

        Raises FlowNotAllowedError, PrefectUnavailableError.
        """
        if name not in self.allowed:
            raise FlowNotAllowedError(f"{name!r} is not an allowed flow; see DREAMTUNER_DASHBOARD_FLOWS")
        row = self.request("GET", f"/deployments/name/{name}")
        # the key makes retries of the request idempotent
        wanted = {"parameters": dict(parameters), "tags": ["dashboard"], "idempotency_key": key or str(uuid.uuid4())}
        made = self.request("POST", f"/deployments/{row['id']}/create_flow_run", wanted)
        return str(made["id"])

    def runs(self, limit: int = 20) -> list[FlowRun]:
        """List the newest runs of the allowed deployments. Raises PrefectUnavailableError."""
        known = {one.id: one.name for one in self.deployments()}
        if not known:
            return []
        wanted = {"deployments": {"id": {"any_": list(known)}}, "limit": limit, "sort": "EXPECTED_START_TIME_DESC"}
        rows: Sequence[dict[str, Any]] = self.request("POST", "/flow_runs/filter", wanted)
        return [
            FlowRun(
                row["id"],
                row["name"],
                known.get(row.get("deployment_id") or "", ""),
                row.get("state_type") or "PENDING",
                row.get("state_name") or "Pending",
                row.get("start_time") or row.get("expected_start_time") or "",
            )
            for row in rows
        ]

    def state(self, flow_run_id: str) -> str | None:
        """Return the type of a flow run's state, such as "SCHEDULED"; None: the server does not know it.

        Raises PrefectUnavailableError.
        """
        row = self.request("GET", f"/flow_runs/{flow_run_id}", missing=True)
        return None if row is None else str(row.get("state_type") or "PENDING")

    def cancel(self, flow_run_id: str) -> None:
        """Cancel a run of an allowed deployment. Raises FlowNotAllowedError, PrefectUnavailableError."""
        row = self.request("GET", f"/flow_runs/{flow_run_id}")
        if row.get("deployment_id") not in {one.id for one in self.deployments()}:
            raise FlowNotAllowedError("this run belongs to a deployment that is not an allowed flow")
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self.request("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": False})

    def request(self, method: str, path: str, body: object = None, *, missing: bool = False) -> Any:
        """Send a request to the API and return its JSON; None for an empty answer, and for 404 if it may be `missing`.

        Raises PrefectUnavailableError.
        """
        if not self._api:
            raise PrefectUnavailableError(
                "no Prefect server is configured; set PREFECT_API_URL and restart the dashboard"
            )
        try:
            answer = self._client.request(method, f"{self._api}{path}", json=body)
            for pause in PAUSES:
                if answer.status_code != BUSY:
                    break
                time.sleep(pause)
                answer = self._client.request(method, f"{self._api}{path}", json=body)
        except httpx.HTTPError as error:
            raise PrefectUnavailableError(
                f"Prefect does not respond ({type(error).__name__}); is it running?"
            ) from error
        if missing and answer.status_code == 404:
            return None
        if answer.is_error:
            kind = PrefectRefusedError if answer.status_code in (409, 422) else PrefectUnavailableError
            raise kind(f"Prefect rejected the request ({answer.status_code}): {answer.text[:300]}")
        return answer.json() if answer.content else None
