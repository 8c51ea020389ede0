"""Prefect's server as we start it: what is scheduled becomes flow runs."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.prefect_live import ROOT, Live, end_group

pytestmark = pytest.mark.slow
SECONDS = 600


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
    }
    command = [sys.executable, "-m", "deploy.prefect.standing_server", "--host", "127.0.0.1", "--port", port]
    with (tmp_path / "server.log").open("wb") as out:
        server = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def answers() -> bool:
        assert server.poll() is None, (tmp_path / "server.log").read_text()
        try:
            return httpx.get(f"{environment['PREFECT_API_URL']}/health", timeout=10).is_success
        except httpx.TransportError:
            return False

    try:
        Live.wait(answers, SECONDS, "Prefect's server")
        found = Live(environment)
        yield found
        found.close()
    finally:
        end_group(server)


def test_a_schedule_makes_flow_runs(live: Live, tmp_path: Path) -> None:
    flow = live._ask("POST", "/flows/", {"name": "nightly"})
    schedule = {"schedule": {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}, "active": True}
    live._ask("POST", "/deployments/", {"name": "nightly", "flow_id": flow["id"], "schedules": [schedule]})
    live.wait(lambda: live.filtered("flow_runs"), SECONDS, "a scheduled flow run")
    assert {one["state_name"] for one in live.filtered("flow_runs")} == {"Scheduled"}
    assert "bulk DML" not in (tmp_path / "server.log").read_text()
