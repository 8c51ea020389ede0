"""Runs the real compose file; an override that changes `image:` alone replaces the images of others."""

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.containers.builds import ROOT, Builder
from tests.containers.engine import Engine, client

FILE = ROOT / "deploy" / "compose.yaml"
PASSWORD = "a bear in the snow waves twice"
ENTRY = ("python3", "-m", "deploy.images.start")


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
        self.docker = docker
        self.port, prefect = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._project = f"dreamtuner-test-{os.getpid()}"
        override = folder / "override.yaml"
        override.write_text(yaml.safe_dump({"services": {name: {"image": one} for name, one in images.items()}}))
        self._command = [*compose_of(docker), "-p", self._project, "-f", str(FILE), "-f", str(override)]
        self._variables = {
            "DREAMTUNER_DASHBOARD_PORT": str(self.port),
            "DREAMTUNER_PREFECT_PORT": str(prefect),
            "DREAMTUNER_DASHBOARD_ORIGIN": self.url,
            "DREAMTUNER_LEASE_SECONDS": "30",
        }

    def compose(self, *words: str, seconds: float = 600) -> str:
        done = self.docker.tell([*self._command, *words], seconds=seconds, **self._variables)
        return done.stdout + done.stderr

    def container(self, service: str) -> str:
        wanted = [f"label=com.docker.compose.{key}" for key in (f"project={self._project}", f"service={service}")]
        filters = [word for one in wanted for word in ("--filter", one)]
        [found] = self.docker.ask("ps", "--all", "--quiet", *filters).stdout.split()
        return found

    def logs(self, service: str) -> str:
        done = self.docker.ask("logs", self.container(service))
        return done.stdout + done.stderr

    def state(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.docker.ask("inspect", self.container(service)).stdout)[0]
        return found

    def inside(self, service: str, *command: str) -> str:
        return self.docker.ask("exec", self.container(service), *ENTRY, *command, seconds=300).stdout

    def status(self, seconds: float = 120) -> dict[str, Any]:
        """What `dreamtuner status --json` says in the dashboard's container; asked again while that restarts."""
        deadline = time.monotonic() + seconds
        command = ("exec", self.container("dashboard"), *ENTRY, "dreamtuner", "status", "--json")
        while (done := self.docker.ask(*command, check=False)).returncode:
            assert time.monotonic() < deadline, done.stderr[-2000:]
            time.sleep(1)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def kill(self, service: str) -> None:
        """Kill the first process of a container as a crash would: its restart policy applies."""
        os.kill(int(self.state(service)["State"]["Pid"]), 9)

    def until_run(self, state: str, seconds: float = 1800) -> dict[str, Any]:
        """Wait until the newest run is in this state; return the status."""
        deadline = time.monotonic() + seconds
        while True:
            said = self.status()
            runs = sorted(said["runs"], key=lambda run: str(run["started_at"]))
            if runs and runs[-1]["state"] == state:
                return said
            assert time.monotonic() < deadline, (said, self.logs("worker")[-3000:])
            time.sleep(2)

    @contextmanager
    def person(self) -> Iterator[httpx.Client]:
        """The administrator, who follows the link in the dashboard's first log."""
        link = re.search(r"first login, once, within a day: \S+?(/link/\S+)", self.logs("dashboard"))
        assert link is not None, self.logs("dashboard")
        headers = {"Origin": self.url}
        with httpx.Client(base_url=self.url, timeout=60, follow_redirects=True, headers=headers) as client:
            entered = client.post(link[1], data={"csrf": token(client.get(link[1])), "password": PASSWORD})
            assert entered.url.path == "/", entered.text[-2000:]
            yield client


def token(page: httpx.Response) -> str:
    """The token of a page's forms."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text) or re.search(
        r'csrf[^>]*content="([^"]+)"', page.text
    )
    assert found is not None, page.text[:3000]
    return found[1]


@contextmanager
def stack_of(docker: Engine, builder: Builder, folder: Path) -> Iterator[Stack]:
    """Build every image, and hand out a stack that is not up yet; it is removed with its volumes at the end."""
    names = yaml.safe_load(FILE.read_text())["services"]
    ours = {target: builder.ours(target) for target in ("dashboard", "worker", "conductor")}
    images = {name: ours[one["build"]["target"]] for name, one in names.items() if "build" in one}
    images |= {name: builder.standin(name) for name in names if name not in images}
    found = Stack(docker, images, folder)
    try:
        yield found
    finally:
        found.compose("--profile", "demo", "down", "--volumes", "--timeout", "10")
