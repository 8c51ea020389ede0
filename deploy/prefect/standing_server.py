"""Starts Prefect's API server with schedules that work: `python -m deploy.prefect.standing_server [OPTIONS]`.

The options are those of `prefect server start`. Under SQLAlchemy 2.1 the scheduler of Prefect 3.8.8 fails each time
with "Can't evaluate bulk DML statement": it inserts flow runs by dictionaries that hold a `state`, which is no column
but a hybrid property of the table. SQLAlchemy 2.0 ignored such keys, 2.1 wants to be told to.
"""

import sys
from collections.abc import MutableMapping
from typing import Any


def ignore_states_of_new_flow_runs() -> None:
    """Let bulk inserts ignore the key `state` of a flow run; Prefect inserts the states itself, afterwards."""
    from prefect.server.database.orm_models import FlowRun

    # its decorator `bulk_dml`, which is the public way, fails in SQLAlchemy 2.1.9
    FlowRun.__dict__["state"].bulk_dml_setter = _ignored


def _ignored(cls: type[Any], mapping: MutableMapping[str, Any], value: object) -> None:
    """Set nothing."""


def main(arguments: list[str]) -> None:
    """Run `prefect server start` in this process, until it ends."""
    from prefect.cli import app

    ignore_states_of_new_flow_runs()
    sys.argv = ["prefect", "server", "start", *arguments]
    app()


if __name__ == "__main__":
    main(sys.argv[1:])
