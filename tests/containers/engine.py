"""A Docker engine and a bare Debian in it, for tests that show what a newcomer's commands do, or run containers."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

MIRROR, SUITE = "http://deb.debian.org/debian", "bookworm"
BASE = "dreamtuner-test-bare:bookworm"


@cache
def client() -> str:
    """A `docker` that builds with BuildKit: one may be installed without that part before one that has it."""
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = [path for place in places if (path := shutil.which("docker", path=place)) is not None]
    for one in found:
        command, environment = [one, "build", "--help"], os.environ | {"DOCKER_BUILDKIT": "1"}
        if subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0:
            return one
    pytest.skip("no docker that builds with BuildKit: install Debian's docker.io (.ci/run does), or buildx")


class Engine:
    """`docker` with one engine: the machine's own, or one that the tests started."""

    def __init__(self, host: str | None) -> None:
        self._environment = os.environ | {"DOCKER_BUILDKIT": "1"} | ({"DOCKER_HOST": host} if host else {})

    def ask(self, *words: str, seconds: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.tell([client(), *words], seconds=seconds, check=check)

    def tell(
        self, command: list[str], *, seconds: float = 600, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program that finds its engine by the environment."""
        environment = self._environment | variables
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds, env=environment)
        assert not check or done.returncode == 0, (
            f"{' '.join(command)[:200]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
        return done

    def answers(self) -> bool:
        return self.ask("info", check=False).returncode == 0


@contextmanager
def engine() -> Iterator[Engine]:
    """The machine's engine where it answers; else one that ends with the block. Skips where neither is to be had."""
    there = Engine(None)
    if there.answers():
        yield there
        return
    if shutil.which("dockerd") is None or os.getuid() != 0:
        pytest.skip("no Docker engine answers, and none can be started: that wants dockerd and root")
    with tempfile.TemporaryDirectory(prefix="dreamtuner-docker-") as folder:
        at = Path(folder)
        host = f"unix://{at / 'socket'}"
        places = ["--data-root", str(at / "data"), "--exec-root", str(at / "exec"), "-p", str(at / "pid"), "-H", host]
        with (at / "log").open("wb") as log:
            process = subprocess.Popen(["dockerd", *places], stdout=log, stderr=log)
        try:
            own = Engine(host)
            deadline = time.monotonic() + 60
            while not own.answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    words = (at / "log").read_text(errors="replace").strip().splitlines()
                    pytest.skip(f"dockerd does not start here: {words[-1] if words else 'no word of it'}")
                time.sleep(0.5)
            yield own
        finally:
            process.terminate()
            process.wait(60)
            _unmount(at)


def _unmount(folder: Path) -> None:
    """Unmount what an engine that has ended left mounted below its folder: the network's namespace, for one."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in sorted((one for one in mounted if one.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", place], check=True)


def bare_debian(docker: Engine, folder: Path) -> str:
    """The name of an image of Debian's smallest system: pulled, or made by debootstrap where no registry is reached."""
    if docker.ask("image", "inspect", BASE, check=False).returncode == 0:
        return BASE
    if docker.ask("pull", "--quiet", f"debian:{SUITE}-slim", seconds=180, check=False).returncode == 0:
        return f"debian:{SUITE}-slim"
    if shutil.which("debootstrap") is None or os.getuid() != 0:
        pytest.skip("no image of Debian can be pulled, nor made: that wants debootstrap and root")
    root, archive = folder / "debian", folder / "debian.tar"
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(root), MIRROR]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if made.returncode:
        pytest.skip(f"debootstrap makes no Debian here: {made.stdout.strip().splitlines()[-1:]}")
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    docker.ask("import", str(archive), BASE, seconds=300)
    shutil.rmtree(root)
    archive.unlink()
    return BASE
