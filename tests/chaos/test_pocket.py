"""`dreamtuner run` with the model that ships: the command, and Prefect's server under it, killed at random instants."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.chaos.conftest import Grid, assert_whole

ROOT = Path(__file__).parents[2]
SECONDS = 300.0  # the longest that a whole run may take
long = [pytest.mark.slow, pytest.mark.chaos_long]


class PocketRun:
    """The command on a small grid of its own; `grid` is what has to be whole in the end.

    One cell a chunk: what is drawn together changes with every kill, and sums over another batch may round elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        self.grid = Grid(folder, seeds=4)
        self._spec = folder / "spec.yaml"
        self._spec.write_text(yaml.safe_dump(self.grid.spec | {"sampling": {"steps": 8}}))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        environment = os.environ | self.grid.environment | {"DREAMTUNER_CHUNK_CELLS": "1", "PYTHONPATH": str(ROOT)}
        environment.pop("PREFECT_HOME", None)
        with Path(f"{self.grid.acks}.log").open("ab") as log:
            command = [sys.executable, "-m", "deploy.cli.main", "run", str(self._spec), "--json"]
            self._process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        return self._process

    def finish(self) -> None:
        """Carry it out to its end."""
        assert self.start().wait(SECONDS) == 0, self.grid.log()[-3000:]

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def kill_server(pid: int) -> None:
    """Prefect's server under the command, if it runs by now."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(ProcessLookupError, FileNotFoundError):
            if b"deploy.prefect.server" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[PocketRun]]:
    """Those that the test makes; what is left of them ends with it."""
    made: list[PocketRun] = []
    yield made
    for one in made:
        one.kill()


@pytest.mark.parametrize("kills", [pytest.param(4, marks=long), pytest.param(20, marks=long)])
def test_a_run_of_the_pocket_model_is_killed_at_random_instants(
    kills: int, runs: list[PocketRun], tmp_path: Path
) -> None:
    runs.append(PocketRun(tmp_path / "quiet"))
    began = time.monotonic()
    runs[0].finish()
    seconds, expected = time.monotonic() - began, runs[0].grid.pictures()
    assert len(expected) == 16
    chance, done = random.Random(kills), 0
    while done < kills:
        runs.append(PocketRun(tmp_path / f"killed-{len(runs)}"))
        while done < kills:
            process = runs[-1].start()
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.2, 1.2) * seconds)
                break  # it came to its end: the next grid
            if done % 3 == 2:
                kill_server(process.pid)
                time.sleep(chance.uniform(0, 2))
            runs[-1].kill()
            done += 1
        runs[-1].finish()
        assert_whole(runs[-1].grid, expected)
