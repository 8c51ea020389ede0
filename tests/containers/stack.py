"""Runs the real compose file; an override that changes `image:` alone replaces the images of others."""

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.builds import ROOT, TARGETS, Builder
from tests.containers.engine import Engine, client

FILE = ROOT / "deploy" / "compose.yaml"
ENTRY = ("python3", "-m", "deploy.images.start")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def compose_of(docker: Engine) -> list[str]:
    """`docker compose`, or the older program; skips where there is neither."""
    if docker.ask("compose", "version", check=False).returncode == 0:
        return [client(), "compose"]
    if shutil.which("docker-compose") is None:
        pytest.skip("no docker compose: install Debian's docker-compose (.ci/run does)")
    return ["docker-compose"]


class Stack:
    """One project of the compose file."""

    def __init__(self, docker: Engine, images: dict[str, str], folder: Path) -> None:
        self.docker, self.folder = docker, folder
        self.port, prefect = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.project = f"dreamtuner-test-{os.getpid()}"
        self._override = folder / "override.yaml"
        self.use(images)
        self.command = [*compose_of(docker), "-p", self.project, "-f", str(FILE), "-f", str(self._override)]
        self.variables = {
            "DREAMTUNER_DASHBOARD_PORT": str(self.port),
            "DREAMTUNER_PREFECT_PORT": str(prefect),
            "DREAMTUNER_DASHBOARD_ORIGIN": self.url,
            "DREAMTUNER_LEASE_SECONDS": "30",
        }

    def use(self, images: dict[str, str]) -> None:
        """Run these images, by service, from the next `up` on."""
        services = {name: {"image": one} for name, one in images.items()}
        self._override.write_text(yaml.safe_dump({"services": services}))

    def compose(self, *words: str, seconds: float = 1800) -> str:
        done = self.docker.tell([*self.command, *words], seconds=seconds, **self.variables)
        return done.stdout + done.stderr

    def containers(self, *filters: str) -> list[str]:
        """The ids of the project's containers, those that have ended too."""
        wanted = [f"label=com.docker.compose.project={self.project}", *filters]
        words = [word for one in wanted for word in ("--filter", one)]
        return self.docker.ask("ps", "--all", "--quiet", "--no-trunc", *words).stdout.split()

    def container(self, service: str) -> str:
        [found] = self.containers(f"label=com.docker.compose.service={service}")
        return found

    def logs(self, service: str) -> str:
        done = self.docker.ask("logs", self.container(service))
        return done.stdout + done.stderr

    def state(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.docker.ask("inspect", self.container(service)).stdout)[0]
        return found

    def inside(self, service: str, *command: str) -> str:
        return self.docker.ask("exec", self.container(service), *ENTRY, *command, seconds=900).stdout

    def kill(self, service: str) -> None:
        """Kill the first process of a container as a crash would: its restart policy applies."""
        os.kill(int(self.state(service)["State"]["Pid"]), 9)

    def until(self, what: str, found: Callable[[], bool], seconds: float = 3600) -> None:
        """Wait until `found`; fail, with what was waited for, after so many seconds."""
        deadline = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
            time.sleep(0.5)

    def until_healthy(self, *services: str, restarts: int = 0) -> None:
        """Wait until containers are healthy, each after at least so many restarts."""

        def well(service: str) -> bool:
            found = self.state(service)
            return bool(found["State"]["Health"]["Status"] == "healthy" and found["RestartCount"] >= restarts)

        for service in services:
            self.until(f"{service} to be healthy after {restarts} restarts", lambda one=service: well(one))  # type: ignore[misc]

    def sql(self, query: str, database: str = "dreamtuner", seconds: float = 900) -> str:
        """Ask the database, which takes none of the processor time that `dreamtuner status` takes; also asked again."""
        deadline = time.monotonic() + seconds
        psql = ("exec", self.container("postgres"), "psql", "-U", "dreamtuner", "-d", database, "-tAc", query)
        while (done := self.docker.ask(*psql, check=False)).returncode:
            assert time.monotonic() < deadline, f"the database does not answer: {done.stderr[-2000:]}"
            time.sleep(0.5)
        return done.stdout.strip()

    def newest_run(self) -> tuple[str, str]:
        """The id and the state of the newest run; empty where there is none."""
        run, _, state = self.sql("SELECT id, state FROM runs ORDER BY started_at DESC LIMIT 1").partition("|")
        return run, state

    def until_run(self, *states: str, after: str = "") -> tuple[str, str]:
        """Wait until the newest run, another than `after`, is in one of these states; return its id and state."""
        found = ("", "")

        def there() -> bool:
            nonlocal found
            found = self.newest_run()
            return found[0] != after and found[1] in states

        self.until(f"a run after {after or 'none'} to be {' or '.join(states)}; it is {found}", there)
        return found

    def cells(self, state: str, run: str | None = None) -> int:
        """How many cells are in this state, of one run or of all."""
        of_run = f" AND id IN (SELECT cell_id FROM run_cells WHERE run_id = '{run}')" if run else ""
        return int(self.sql(f"SELECT count(*) FROM cells WHERE state = '{state}'{of_run}"))


@contextmanager
def stack_of(docker: Engine, builder: Builder, folder: Path) -> Iterator[Stack]:
    """Build every image, and hand out a stack that is not up yet; it is removed with its volumes at the end."""
    ours = {target: builder.ours(target) for target in TARGETS}
    images = {name: ours[one["build"]["target"]] for name, one in SERVICES.items() if "build" in one}
    others = [
        name for name, one in SERVICES.items() if "build" not in one and "observability" not in one.get("profiles", ())
    ]
    images |= {name: builder.standin(name) for name in others}
    found = Stack(docker, images, folder)
    try:
        yield found
    finally:
        found.compose("--profile", "demo", "down", "--volumes", "--timeout", "10")
