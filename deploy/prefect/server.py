"""Runs Prefect's API server as a child process for the duration of one command.

Prefect can start such a server itself, but then Ctrl-C reaches the server before the flow has reported its end, a
killed command leaves it running for ever, and it starts only after everything else is imported. This one ignores the
terminal's signals, always ends with its parent, and starts while the parent imports torch.
"""

import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from deploy.prefect.isolation import without_files
from storage.proxies import proxy_variables

START_SECONDS = 180.0
SETTLE_SECONDS = 3.0


class PrefectServerError(RuntimeError):
    """Prefect's server failed to start; the log has the reason."""


class PrefectServer:
    """Starts the server, waits until it is ready, and stops it; used by the parent process."""

    def __init__(self) -> None:
        home = Path(os.environ["PREFECT_HOME"])
        home.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            # bound here and inherited, so that no other process can take the port in between
            listener.bind(("127.0.0.1", 0))
            self.api = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
            self._process = subprocess.Popen(
                # -P and our own folder: no modules or settings from the user's working folder
                [sys.executable, "-P", "-m", "deploy.prefect.server", str(listener.fileno()), str(os.getpid())],
                pass_fds=[listener.fileno()],
                cwd=home,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=_environment(),
            )
        self._started = time.time()

    def wait(self) -> None:
        """Wait until the server is ready. Raises PrefectServerError if it exits or does not answer in time."""
        import httpx

        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise PrefectServerError(f"Prefect's server ended with code {self._process.returncode}")
            try:
                if httpx.get(f"{self.api}/health", timeout=10, trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise PrefectServerError(f"Prefect's server did not answer within {START_SECONDS:.0f} s")

    def settle(self) -> None:
        """Wait briefly until all task runs since the start are recorded as ended."""
        import httpx
        from prefect.events.worker import EventsWorker

        EventsWorker.drain_all(timeout=SETTLE_SECONDS)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started))
        open_runs = {"start_time": {"after_": since}, "state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            try:
                counted = httpx.post(
                    f"{self.api}/task_runs/count",
                    json={"task_runs": open_runs},
                    timeout=SETTLE_SECONDS,
                    trust_env=False,
                )
            except httpx.TransportError:
                return
            if not counted.is_success or counted.json() == 0:
                return
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server, by force after five seconds."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


MAX_PARAMETER_SIZE = "PREFECT_SERVER_API_MAX_PARAMETER_SIZE"
"""How many bytes the server takes as a run's parameters, by default 512 KiB; "0": a spec may name many subjects."""


def _environment() -> dict[str, str]:
    """Return the child's environment: our Prefect variables, no proxies, the same import path."""
    proxies = proxy_variables(os.environ)
    variables = {name: value for name, value in os.environ.items() if name not in proxies}
    places = [str(Path(__file__).resolve().parents[2]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    variables["PYTHONPATH"] = os.pathsep.join(os.path.abspath(one) for one in places if one)
    ours = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", MAX_PARAMETER_SIZE: "0"}
    return variables | ours


def _serve(listener: socket.socket, parent: int) -> None:
    """In the child process: run one server on `listener` until a signal, or until the parent dies."""
    without_files()
    import uvicorn

    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    home = Path(os.environ["PREFECT_HOME"])
    # two commands at once share the database; only one at a time may bring its schema up to date
    with (home / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets=sockets)
                fcntl.flock(lock, fcntl.LOCK_UN)

        application = "prefect.server.api.server:create_app"
        config = uvicorn.Config(
            application, factory=True, log_level="error", lifespan="on", timeout_graceful_shutdown=3
        )
        Server(config).run(sockets=[listener])


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
