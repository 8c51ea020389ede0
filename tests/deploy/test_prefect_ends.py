"""How flow runs end before their time, on a real server with real process workers; Prefect's issues by their numbers.

Each is told in docs/how-to/prefect.md.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.resources import Resources
from storage.catalog import views
from tests.deploy.prefect_live import (
    CPU,
    DEAD_AFTER,
    GPU,
    Live,
    cells,
    deployed_server,
    flow_runs_of,
    runs,
)

pytestmark = [pytest.mark.slow, pytest.mark.chaos]  # minutes each
ALONE = ("--workers", "1")
"""Not auto: for a minute and a half the pool counts the killed workers of the test before, too."""
SHORT_RENEWAL = """
import prefect.concurrency._leases as leases
leases._RENEWAL_FRACTION = 0.005  # of 300 s
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with deployed_server(tmp_path_factory.mktemp("prefect")) as live:
        yield live


@pytest.fixture
def live(server: Live, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """The server, with this test's home for commands and workers."""
    # as in the environment below, so that this process judges dead runs as they do
    monkeypatch.setenv("DREAMTUNER_LEASE_SECONDS", "20")
    live = Live(server.environment | environment | {"DREAMTUNER_LEASE_SECONDS": "20"})
    yield live
    live.close()


def tries() -> list[int]:
    """How often each cell of the last run was claimed."""
    with Resources.open().catalog.read() as s:
        return [views.cell(s, one.digest).attempts for one in views.cells_of_run(s, runs()[0].id)]


def images_made() -> list[int]:
    """How often each cell of the last run was finished."""
    with Resources.open().catalog.read() as s:
        digests = [one.digest for one in views.cells_of_run(s, runs()[0].id)]
        return [sum(one.event == "generated" for one in views.history(s, "cell", digest)) for digest in digests]


def test_evicted_by_sigterm_worker_and_conductor_are_scheduled_again_16142(live: Live, spec: Path) -> None:
    with live.workers() as (conducting, generating):
        flow_run = live.started(spec, *ALONE)
        [helper] = live.helpers()
        for worker in (generating, conducting):
            os.kill(flow_runs_of(worker.pid)[0], signal.SIGTERM)
        for one, what in ((helper["id"], "worker"), (flow_run, "conductor")):
            live.wait(lambda: live.flow_run(one)["run_count"] == 2, 120, f"the {what} to be started again")  # noqa: B023
        assert live.ended(flow_run) == "COMPLETED"
        live.wait(lambda: not live.open_runs(), 60, "the end of the worker")
    assert [one["id"] for one in live.helpers()] == [helper["id"]], "it was counted, not started twice"
    assert [(run.state, run.cells["generated"]) for run in runs()] == [("completed", 24)]
    assert images_made() == [1] * 24


def test_a_killed_conductor_is_taken_over_and_its_workers_are_counted_12988(live: Live, spec: Path) -> None:
    with live.workers() as (conducting, _):
        flow_run = live.started(spec, *ALONE)
        os.kill(flow_runs_of(conducting.pid)[0], signal.SIGKILL)
        live.wait(lambda: live.flow_run(flow_run)["run_count"] == 2, 120, "the conductor to be started again")
        assert live.ended(flow_run) == "COMPLETED"
        live.wait(lambda: not live.open_runs(), 3 * DEAD_AFTER, "the end of the killed subflows")
    assert len(live.helpers()) == 1
    assert [(run.state, run.cells["generated"]) for run in runs()] == [("completed", 24)]
    assert images_made() == tries() == [1] * 24


def test_flow_runs_whose_workers_died_too_are_found_by_their_silence_16256(live: Live, spec: Path) -> None:
    with live.workers() as workers:
        first = live.start("nightly", specs=str(spec.parent))
        live.wait_for_images()
        orphans = [one for worker in workers for one in flow_runs_of(worker.pid)]
        for one in (*(worker.pid for worker in workers), *orphans):
            os.kill(one, signal.SIGKILL)
        for worker in workers:
            worker.wait()
        assert live.flow_run(first)["state_type"] == "RUNNING", "nobody was left to report its death"
        live.wait(lambda: live.flow_run(first)["state_type"] == "SCHEDULED", 4 * DEAD_AFTER, "it to be scheduled again")
    with live.workers():
        assert live.ended(first) == "COMPLETED"
        live.wait(lambda: not live.open_runs(), 3 * DEAD_AFTER, "the end of the killed subflows")
    assert cells("generated") == 24
    assert images_made() == [1] * 24


def test_a_lost_lease_ends_the_process_and_leaves_nothing_behind_18839_18893(
    live: Live, spec: Path, tmp_path: Path
) -> None:
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "sitecustomize.py").write_text(SHORT_RENEWAL)
    path = os.pathsep.join([str(tmp_path / "quick"), live.environment["PYTHONPATH"]])
    with live.worker(CPU, PYTHONPATH=path) as conducting, live.worker(GPU):
        night = live.start("nightly", specs=str(spec.parent))
        live.wait_for_images()
        [process] = flow_runs_of(conducting.pid)
        live.lose_lease(night)
        live.wait(lambda: live.flow_run(night)["run_count"] == 2, 120, "the flow run to crash and be started again")
        assert process not in flow_runs_of(conducting.pid), "the crashed flow run's process lives on"
        assert live.ended(night) == "COMPLETED"
        live.wait(lambda: not live.open_runs(), 60, "the end of its subflows")
    assert cells("generated") == 24
    assert images_made() == [1] * 24


def test_one_that_is_taken_for_dead_ends_when_another_process_has_its_run_18893(live: Live, spec: Path) -> None:
    with live.worker(CPU) as first, live.worker(CPU) as second:  # none that generates: both conduct until there is one
        flow_run = live.submitted(spec, *ALONE)
        live.wait(lambda: cells("planned") == 24 and live.helpers(begun=False), 180, "it to ask for a worker")
        [process] = [one for worker in (first, second) for one in flow_runs_of(worker.pid)]
        live.crash(flow_run)  # as if its heartbeats were lost
        live.wait(lambda: live.flow_run(flow_run)["run_count"] == 2, 120, "it to be started again")
        live.wait(lambda: not Path(f"/proc/{process}").exists(), 60, "the end of the first process")
        assert live.flow_run(flow_run)["state_type"] == "RUNNING", "the first one has reported something"
        assert len(live.helpers(begun=False)) == 1, "it is counted, not started twice"
        with live.worker(GPU):
            assert live.ended(flow_run) == "COMPLETED"
    assert [one["state_type"] for one in live.helpers(begun=False)] == ["COMPLETED"]
    assert [(run.state, run.cells["generated"]) for run in runs()] == [("completed", 24)]
    assert images_made() == tries() == [1] * 24


@pytest.mark.parametrize("score", ["[clip_i]", "[]"], ids=["a subflow begins", "the flow run ends"])
def test_nobody_is_taken_for_dead_while_the_server_is_away(
    environment: dict[str, str], spec: Path, tmp_path: Path, score: str
) -> None:
    spec.write_text(f"{spec.read_text()}score: {score}\n")
    with deployed_server(tmp_path / "first") as server:
        live = Live(server.environment | environment)
        with live.workers():
            flow_run = live.started(spec, *ALONE)
            with server.stopped():
                live.wait(lambda: cells("generated") == 24, 180, "the last image")
                live.wait(lambda: "trying again" in live.log(), 180, "it to wait for the server")
                time.sleep(DEAD_AFTER)  # none of its heartbeats arrives for longer than that
            assert live.ended(flow_run) == "COMPLETED"
            assert live.flow_run(flow_run)["run_count"] == 1
        names = {one["state_name"] for one in live.filtered("flow_runs") if one["state_name"] != "Scheduled"}
        live.close()
    assert names == {"Completed"}
    assert [run.state for run in runs()] == ["completed"]


def test_one_that_a_worker_took_and_that_did_not_begin_is_scheduled_again_16256(live: Live, spec: Path) -> None:
    live.hasten("schedule flow runs again", 30)
    with live.worker(CPU):
        flow_run = live.submitted(spec, *ALONE)
        live.wait(lambda: live.flow_run(flow_run)["state_type"] == "PENDING", 120, "a worker to take it")
    assert live.flow_run(flow_run)["state_type"] == "PENDING", "nobody is left to report it"
    with live.workers():
        assert live.ended(flow_run) == "COMPLETED"
    assert images_made() == [1] * 24
