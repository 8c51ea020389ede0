"""A real Prefect server and real process workers, for tests that deploy, trigger, cancel and kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from flows.resources import Resources
from flows.settings import Settings
from storage.catalog import views
from storage.catalog.records import RunView

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("DREAMTUNER_TEST_PATIENCE", "1"))
"""Times as long is waited for everything, on a busy machine."""
OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
Run = dict[str, Any]
GPU, CPU = "dreamtuner-gpu", "dreamtuner-cpu"
DEAD_AFTER = 65
"""Seconds without a heartbeat after which `deployed_server` holds a flow run for dead: two heartbeats are missed."""


class Live:
    """The server's API by plain HTTP, and its environment for commands and workers."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._http = httpx.Client(base_url=environment["PREFECT_API_URL"], timeout=60)

    server: "_Server | None" = None

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the server be away during the block."""
        assert self.server is not None
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()

    def lose_lease(self, flow_run_id: str) -> None:
        """Let the server forget the lease by which the flow run holds a slot of its deployment."""
        lease = self.flow_run(flow_run_id)["state"]["state_details"]["deployment_concurrency_lease_id"]
        assert lease is not None
        self._ask("POST", "/v2/concurrency_limits/decrement-with-lease", {"lease_id": lease})

    def crash(self, flow_run_id: str) -> None:
        """Set a flow run to Crashed, whose process lives."""
        state = {"type": "CRASHED", "name": "Crashed", "message": "by the test"}
        self._ask("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": True})

    def hasten(self, name: str, seconds: int) -> None:
        """Let the automation whose name contains this wait for less time."""
        [found] = [one for one in self.filtered("automations") if name in one["name"]]
        wanted = {key: found[key] for key in ("name", "description", "enabled", "trigger", "actions")}
        wanted["trigger"] |= {"within": seconds}
        self._ask("PUT", f"/automations/{found['id']}", wanted)

    def log(self) -> str:
        """What the workers and their flow runs have printed."""
        return (Path(self.environment["PREFECT_HOME"]) / "worker.log").read_text(errors="replace")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        """The server's answer; it is asked again while its database is locked, as Prefect's own client does."""
        deadline = time.monotonic() + 60
        while (answer := self._http.request(method, path, json=body)).status_code == 503:
            assert time.monotonic() < deadline, f"{path}: the server was busy for a minute"
            time.sleep(0.5)
        return answer.raise_for_status().json() if answer.content else None

    def filtered(self, what: str, **filters: Any) -> list[Run]:
        found: list[Run] = self._ask("POST", f"/{what}/filter", filters)
        return found

    def flow_run(self, flow_run_id: str) -> Run:
        found: Run = self._ask("GET", f"/flow_runs/{flow_run_id}")
        return found

    def start(self, deployment: str, **parameters: Any) -> str:
        [found] = [one for one in self.filtered("deployments") if one["name"] == deployment]
        wanted = {"parameters": parameters, "idempotency_key": str(uuid.uuid4())}
        return str(self._ask("POST", f"/deployments/{found['id']}/create_flow_run", wanted)["id"])

    def change_deployment(self, deployment_id: str, **changes: Any) -> None:
        self._ask("PATCH", f"/deployments/{deployment_id}", changes)

    def cancel(self, flow_run_id: str) -> None:
        state = {"type": "CANCELLING", "name": "Cancelling"}  # what the button in Prefect's pages says
        self._ask("POST", f"/flow_runs/{flow_run_id}/set_state", {"state": state})

    def ended(self, flow_run_id: str, seconds: float = 240) -> str:
        """The type of the state in which the flow run ends."""
        self.wait(lambda: self.flow_run(flow_run_id)["state_type"] in OVER, seconds, f"the end of {flow_run_id}")
        return str(self.flow_run(flow_run_id)["state_type"])

    def open_runs(self) -> list[Run]:
        """Flow runs that are not over, subflows too; those that wait for their time are left out."""
        return [one for one in self.filtered("flow_runs") if one["state_type"] not in OVER | {"SCHEDULED"}]

    def dreamtuner(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.cli.main", *words]
        env = self.environment | more
        most = 240 * PATIENCE
        return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=most)

    def submitted(self, spec: Path, *words: str) -> str:
        """The flow run that `run --submit` makes."""
        done = self.dreamtuner("run", "--submit", "--json", *words, str(spec))
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["flow_run"])

    def started(self, spec: Path, *words: str) -> str:
        """The same, once images are generated."""
        flow_run = self.submitted(spec, *words)
        self.wait_for_images()
        return flow_run

    def wait_for_images(self) -> None:
        self.wait(lambda: cells("generating") and cells("generated"), 180, "the first picture")

    def helpers(self, *, begun: bool = True) -> list[Run]:
        """The flow runs of the deployment generate for the last run: those that have begun, or all."""
        run_id = runs()[0].id
        found = [one for one in self.filtered("flow_runs") if one["parameters"].get("run_id") == run_id]
        return [one for one in found if one["deployment_id"] is not None and (one["run_count"] or not begun)]

    @contextmanager
    def workers(self, **more: str) -> "Iterator[tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]]":
        """A worker of the CPU pool, which conducts, and one of the GPU pool, which generates."""
        with self.worker(CPU, **more) as conducting, self.worker(GPU, **more) as generating:
            yield conducting, generating

    @contextmanager
    def worker(self, pool: str, **more: str) -> "Iterator[subprocess.Popen[bytes]]":
        """A process worker; what is left of it, and of what it began, ends with the block."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--limit", "1"]
        log = Path(self.environment["PREFECT_HOME"]) / "worker.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                command, env=self.environment | more, cwd=ROOT, stdout=out, stderr=out, start_new_session=True
            )
        try:
            yield process
        finally:
            end_group(process)

    @staticmethod
    def wait(until: Callable[[], object], seconds: float, what: str) -> None:
        deadline = time.monotonic() + PATIENCE * seconds
        while not until():
            assert time.monotonic() < deadline, f"waited {PATIENCE * seconds:.0f} s for {what}"
            time.sleep(0.2)


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process and all that it began, in its session or in others."""
    begun = _begun_by(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in begun:  # a worker gives each flow run a session of its own
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _begun_by(pid: int) -> list[int]:
    """The children of a process, theirs, and so on."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, children.read_text().split()):
                found += [child, *_begun_by(child)]
    return found


@contextmanager
def prefect_server(home: Path) -> Iterator[Live]:
    """A server of its own, with its services, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_PREFETCH_SECONDS": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(ROOT),
    }
    home.mkdir(parents=True, exist_ok=True)
    server = _Server(home, port, environment)
    server.start()
    try:
        live = Live(environment)
        live.server = server
        yield live
        live.close()
    finally:
        server.stop()


class _Server:
    """The process of a server, which may stop and start again at the same address with the same database."""

    def __init__(self, home: Path, port: int, environment: dict[str, str]) -> None:
        self._log, self._environment = home / "server.log", environment
        where = ["--host", "127.0.0.1", "--port", str(port)]
        self._command = [sys.executable, "-m", "deploy.prefect.standing_server", *where]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=ROOT, stdout=out, stderr=out, start_new_session=True
            )
        Live.wait(lambda: _answers(self._environment["PREFECT_API_URL"]), 180, "Prefect's server")

    def stop(self) -> None:
        if self._process is not None:
            end_group(self._process)


def _answers(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", timeout=10).is_success
    except httpx.TransportError:
        return False


@contextmanager
def deployed_server(home: Path) -> Iterator[Live]:
    """A server that knows our deployments."""
    with prefect_server(home) as live:
        done = live.dreamtuner("deploy", "--dead-after", str(DEAD_AFTER))
        assert done.returncode == 0, done.stderr
        yield live


def runs() -> list[RunView]:
    """The runs in the catalog, newest first."""
    with Resources.open().catalog.read() as s:
        return views.recent_runs(s)


def cells(state: Any) -> int:
    """How many cells of the catalog are in this state."""
    file = Settings.load().catalog_file
    if file is None or not file.is_file():
        return 0
    with Resources.open().catalog.read() as s:
        return views.status(s).cells[state]


def flow_runs_of(worker: int) -> list[int]:
    """The processes of the flow runs that a worker carries out."""
    found = subprocess.run(["pgrep", "-P", str(worker)], capture_output=True, text=True, check=False)
    return [int(one) for one in found.stdout.split()]
