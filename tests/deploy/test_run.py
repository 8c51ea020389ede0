"""`dreamtuner run` as a process of its own: killed, interrupted, resumed, twice at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flows.resources import Resources
from flows.settings import Settings
from storage.catalog import views

KEYS = {"run", "made", "skipped", "failed", "contact_sheet", "newer_defaults", "warnings"}


@pytest.fixture
def running(environment: dict[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that the test began; what is left of them ends with it."""
    begun: list[subprocess.Popen[str]] = []
    yield begun
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def start(
    environment: dict[str, str], spec: Path, running: list[subprocess.Popen[str]], *more: str
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deploy.cli.main", "run", str(spec), "--json", *more]
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=spec.parent,
        preexec_fn=_hear_signals,
    )
    running.append(process)
    return process


def _hear_signals() -> None:
    """As in a terminal: a test run in the background, or under nohup, would hand its deafness down."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "prefect" not in err.lower()
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out)
    assert set(found) == KEYS
    assert Path(found["contact_sheet"]).is_file()
    return found


def cells() -> Counter[str]:
    settings = Settings.load()
    if settings.catalog_file is None or not settings.catalog_file.is_file():
        return Counter()
    with Resources.open(settings).catalog.read() as s:
        return Counter(views.status(s).cells)


def attempts(run: str) -> dict[str, int]:
    with Resources.open().catalog.read() as s:
        return {cell.digest: views.cell(s, cell.digest).attempts for cell in views.cells_of_run(s, run)}


def until_drawing(process: subprocess.Popen[str], made: int) -> None:
    """Return in the middle of a chunk, with at least `made` cells made."""
    until = time.monotonic() + 240
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        counts = cells()
        if counts["generated"] >= made and counts["generating"]:
            return
        time.sleep(0.05)
    pytest.fail("the run made nothing")


def children(pid: int) -> list[int]:
    """The processes that it began, in whichever thread."""
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.slow
def test_killed_in_the_middle_the_rerun_makes_only_what_is_missing(
    environment: dict[str, str], spec: Path, running: list[subprocess.Popen[str]]
) -> None:
    victim = start(environment, spec, running)
    until_drawing(victim, made=2)
    helpers = children(victim.pid)
    victim.kill()
    victim.wait()
    kept = cells()
    assert kept["generated"] >= 2
    assert kept["generated"] < 24
    for _ in range(100):
        if not any(alive(helper) for helper in helpers):
            break
        time.sleep(0.1)
    assert not any(alive(helper) for helper in helpers), "the killed run left its server behind"

    resumed = finish(start(environment, spec, running))
    assert (resumed["made"], resumed["skipped"], resumed["failed"]) == (24 - kept["generated"], kept["generated"], 0)
    tries = attempts(resumed["run"])
    assert len(tries) == 24
    assert sum(tries.values()) == 24 + kept["generating"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing_half_made(
    environment: dict[str, str], spec: Path, running: list[subprocess.Popen[str]], number: signal.Signals
) -> None:
    process = start(environment, spec, running)
    until_drawing(process, made=2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    counts = cells()
    assert counts["generating"] == counts["failed"] == 0
    assert counts["planned"] + counts["generated"] == 24
    resumed = finish(start(environment, spec, running))
    assert resumed["made"] == counts["planned"]


@pytest.mark.slow
def test_two_runs_at_once_share_the_grid_and_a_third_finds_it_made(
    environment: dict[str, str], spec: Path, running: list[subprocess.Popen[str]]
) -> None:
    both = [finish(process) for process in [start(environment, spec, running) for _ in range(2)]]
    assert both[0]["made"] + both[1]["made"] == 24
    assert all(one["made"] + one["skipped"] == 24 for one in both)
    assert set(attempts(both[0]["run"]).values()) == {1}
    began = time.monotonic()
    again = finish(start(environment, spec, running))
    assert (again["made"], again["skipped"], again["failed"]) == (0, 24, 0)
    assert time.monotonic() - began < 60
    assert len(list((Path(environment["DREAMTUNER_HOME"]) / "logs").glob("*.log"))) == 3


@pytest.mark.slow
def test_a_failed_subject_is_told_and_the_code_is_1(
    environment: dict[str, str], spec: Path, running: list[subprocess.Popen[str]]
) -> None:
    (spec.parent / "momo.png").write_bytes(b"no picture")
    process = start(environment, spec, running)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert (json.loads(out)["made"], json.loads(out)["failed"]) == (12, 12)
    command = [sys.executable, "-m", "deploy.cli.main", "run", str(spec)]
    human = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert human.returncode == 1
    assert "momo: reference" in human.stdout
    assert "contact sheet: " in human.stdout


@pytest.fixture
def long_spec(spec: Path) -> Path:
    """160 cells: enough for a worker that takes seconds to start."""
    spec.write_text(spec.read_text().replace("seeds: [1, 2, 3, 4, 5, 6]", f"seeds: {list(range(1, 41))}"))
    return spec


def makers(count: int = 0) -> set[str | None]:
    """Who generated cells, once it is at least `count`."""
    with Resources.open().catalog.read() as s:
        found = {
            event.actor
            for cell in views.cells_of_run(s, views.recent_runs(s)[0].id)
            if cell.state == "generated"
            for event in views.history(s, "cell", cell.digest)
            if event.event == "generated"
        }
    return found if len(found) >= count else set()


def workers_of(parent: subprocess.Popen[str], count: int = 2) -> list[int]:
    """The processes that generate for a command, once there are `count`."""
    found = []
    for pid in children(parent.pid):
        with suppress(OSError):
            if b"flows.generate" in Path(f"/proc/{pid}/cmdline").read_bytes() and alive(pid):
                found.append(pid)
    return found if len(found) == count else []


def until(found: Callable[[], Any], what: str, seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)
    return value


@pytest.mark.slow
def test_two_workers_share_a_run_and_one_that_dies_is_made_up_for(
    environment: dict[str, str], long_spec: Path, running: list[subprocess.Popen[str]]
) -> None:
    parent = start(environment, long_spec, running, "--workers", "2")
    first = until(lambda: workers_of(parent), "the workers")
    until(lambda: cells()["generated"] and makers(2), "images by both")
    os.kill(first[0], signal.SIGKILL)
    until(lambda: not alive(first[0]), "the end of the first")
    second = until(lambda: workers_of(parent), "a worker in its place")
    assert first[0] not in second
    done = finish(parent)
    assert (done["made"], done["skipped"], done["failed"]) == (160, 0, 0), "those of all workers are counted"
    assert not any(map(alive, second))
    assert sum(attempts(done["run"]).values()) <= 160 + 4, "what the dead one had claimed is made again"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_run(
    environment: dict[str, str], long_spec: Path, running: list[subprocess.Popen[str]], number: signal.Signals
) -> None:
    parent = start(environment, long_spec, running, "--workers", "2")
    until(lambda: cells()["generated"] and makers(2), "images by both")
    workers = workers_of(parent)
    assert workers
    parent.send_signal(number)
    parent.wait(90)
    until(lambda: not any(map(alive, workers)), "the end of the workers", 60)
    if number == signal.SIGTERM:
        assert (cells()["generating"], cells()["failed"]) == (0, 0)
