"""The README's two commands in a Debian that holds nothing but Python, make and a compiler."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engine, bare_debian, engine

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
APT = "python3 python3-venv make gcc libc6-dev python3-dev"
NAME = f"dreamtuner-test-{os.getpid()}"
FOLDERS = ("deploy", "docs", "dreamtuner", "examples", "flows", "storage", "tests")
MOST_MB = 2000


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as found:
        yield found


def pip_settings() -> tuple[dict[str, str], list[Path]]:
    """This machine's settings of pip as variables, and the files and folders that they name."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found = {}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        found["PIP_" + key.rpartition(".")[2].upper().replace("-", "_")] = value.strip("'\"")
    words = [word for value in found.values() for word in value.split()]
    # the pages of an index that is a folder lead to files beside it
    words = [str(Path(word[7:]).parent) if word.startswith("file:///") else word for word in words]
    return found, [path for word in words if word.startswith("/") and (path := Path(word)).exists()]


@pytest.fixture(scope="module")
def bare(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running container with the repository in /dreamtuner, and this machine's settings of pip and apt."""
    image = bare_debian(docker, tmp_path_factory.mktemp("image"))
    variables, places = pip_settings()
    places += [path for path in map(Path, ("/etc/ssl/certs/ca-certificates.crt",)) if path not in places]
    words = [f"--volume={path}:{path}:ro" for path in places if path.exists()]
    words += [f"--env={name}={value}" for name, value in variables.items()]
    words += [f"--env={name}" for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ]
    docker.ask("run", "--detach", "--name", NAME, "--network=host", *words, image, "sleep", "3600")
    try:
        inside(docker, f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {APT}", seconds=600)
        archive = tmp_path_factory.mktemp("source") / "source.tar"
        names = [one.name for one in ROOT.iterdir() if one.is_file() or one.name in FOLDERS]
        command = ["tar", "-C", str(ROOT), "--exclude=__pycache__", "-cf", str(archive), *names]
        subprocess.run(command, check=True)
        inside(docker, "mkdir /dreamtuner")
        docker.ask("cp", str(archive), f"{NAME}:/source.tar")
        inside(docker, "tar -C /dreamtuner --no-same-owner -xf /source.tar")
        yield NAME
    finally:
        docker.ask("rm", "--force", NAME)


def inside(docker: Engine, command: str, seconds: float = 300) -> str:
    """What a shell command in the container prints, in /dreamtuner where that is there."""
    words = f"cd /dreamtuner 2>/dev/null; export DEBIAN_FRONTEND=noninteractive; {command} 2>&1"
    return docker.ask("exec", NAME, "sh", "-c", words, seconds=seconds).stdout


def test_the_first_picture(docker: Engine, bare: str) -> None:
    said = inside(docker, "make demo", seconds=1500)
    assert "torch: " in said, "which build of torch is installed, and why"
    cells = inside(docker, ".venv/bin/dreamtuner status --json")
    assert json.loads(cells.splitlines()[-1])["cells"]["generated"] == 48, said[-2000:]
    size = int(inside(docker, "du -sm .venv").split()[0])
    print(f"make demo: an environment of {size} MB\n{said[-1500:]}")
    assert size <= MOST_MB
    assert "nvidia" not in inside(docker, "ls .venv/lib/python3*/site-packages")


def test_the_tests_run(docker: Engine, bare: str) -> None:
    selection = (
        "tests/dreamtuner/sampling/test_guidance.py tests/storage/objects/test_keys.py tests/deploy/test_torch_flags.py"
    )
    said = inside(docker, f"make test PYTEST_ARGS='{selection}'", seconds=1500)
    assert re.search(r"\d+ passed", said), said[-2000:]
    assert "failed" not in said
