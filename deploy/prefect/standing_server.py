"""Starts Prefect's API server so that schedules work and a restart harms no flow run.

`python -m deploy.prefect.standing_server [OPTIONS]`; the options are those of `prefect server start`. What Prefect
3.8.8 does otherwise:

- Under SQLAlchemy 2.1 its scheduler fails each time with "Can't evaluate bulk DML statement": it inserts flow runs by
  dictionaries that hold a `state`, which is no column but a hybrid property of the table. SQLAlchemy 2.0 ignored such
  keys, 2.1 wants to be told to.
- A server that was away for longer than flow runs may be silent takes them all for dead when it is back: it decides
  before the first of their heartbeats can arrive. What it had to notice while it was away it forgets instead.
- On SQLite its automations read before they write: if something else writes in between, "database is locked" at once,
  whatever the timeout, and after three more attempts the event is lost, such as the crash of a flow run.
- Leases of concurrency limits lie in its memory: after a restart each flow run that holds one is interrupted.
"""

import os
import sys
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

LEASES = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"
ON_DISK = "prefect.server.concurrency.lease_storage.filesystem"


def ignore_states_of_new_flow_runs() -> None:
    """Let bulk inserts ignore the key `state` of a flow run; Prefect inserts the states itself, afterwards."""
    from prefect.server.database.orm_models import FlowRun

    # its decorator `bulk_dml`, which is the public way, fails in SQLAlchemy 2.1.9
    FlowRun.__dict__["state"].bulk_dml_setter = _ignored


def _ignored(cls: type[Any], mapping: MutableMapping[str, Any], value: object) -> None:
    """Set nothing."""


def lock_before_reading() -> None:
    """Let the evaluation of automations lock SQLite's file before it reads, and so wait for its turn."""
    from prefect.server.database import provide_database_interface
    from prefect.server.events import triggers

    @asynccontextmanager
    async def locked(begin_transaction: bool = False) -> AsyncIterator[Any]:
        opened = provide_database_interface().session_context(
            begin_transaction=begin_transaction, with_for_update=begin_transaction
        )
        async with opened as session:
            yield session

    setattr(triggers, "automations_session", locked)  # noqa: B010  # its functions look it up there


def wait_again_after_a_restart() -> None:
    """Let our automations wait for their time anew, from the start of the server, if it passed while it was away."""
    from prefect.server.events import triggers

    consumer = triggers.consumer

    @asynccontextmanager
    async def waiting_again(*arguments: Any, **more: Any) -> AsyncIterator[Any]:
        await _wait_again()
        async with consumer(*arguments, **more) as handler:
            yield handler

    setattr(triggers, "consumer", waiting_again)  # noqa: B010  # the service looks it up there


async def _wait_again() -> None:
    from datetime import UTC, datetime

    import sqlalchemy as sa
    from prefect.server.database.orm_models import Automation, AutomationBucket
    from prefect.server.events.models.automations import automations_session

    from deploy.prefect.registration import OURS

    opened: Any = automations_session(begin_transaction=True)
    async with opened as session:
        now, ours = datetime.now(UTC), sa.select(Automation.id).where(Automation.name.in_(OURS))
        past = sa.select(AutomationBucket).where(AutomationBucket.end < now, AutomationBucket.automation_id.in_(ours))
        for bucket in (await session.execute(past)).scalars():
            bucket.end = now + (bucket.end - bucket.start)


def main(arguments: list[str]) -> None:
    """Run `prefect server start` in this process, until it ends."""
    os.environ.setdefault(LEASES, ON_DISK)  # before Prefect reads its settings
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")  # nothing here sends telemetry
    from prefect.cli import app

    ignore_states_of_new_flow_runs()
    lock_before_reading()
    wait_again_after_a_restart()
    sys.argv = ["prefect", "server", "start", *arguments]
    app()


if __name__ == "__main__":
    main(sys.argv[1:])
