"""Runs and cells of processes that are gone: seen, closed and given back, and those of the living left alone."""

import time
from collections.abc import Callable
from subprocess import Popen
from types import SimpleNamespace

from sqlalchemy import text

from storage.catalog import Catalog, views, writes
from storage.catalog.leases.runs import RunHeartbeat
from storage.catalog.owners import this_owner
from storage.catalog.writes.runs.dead import close_crashed_runs, has_crashed_runs

Plan = Callable[..., SimpleNamespace]
HOUR = 3600.0


def start(catalog: Catalog, owner: str | None, flow_run: str | None = None) -> str:
    with catalog.write() as s:
        return writes.start_run(s, name="trip", spec={}, flow_run_id=flow_run, owner=owner)


def close(catalog: Catalog, silent: float = HOUR) -> list[tuple[str, str | None]]:
    with catalog.read() as s:
        seen = has_crashed_runs(s, silent)
    closed = [(run.id, run.flow_run_id) for run in catalog.transact(lambda s: close_crashed_runs(s, silent))]
    assert seen or not closed
    return closed


def states(catalog: Catalog) -> dict[str, str]:
    with catalog.read() as s:
        return {run.id: run.state for run in views.recent_runs(s)}


def test_the_run_and_the_cells_of_a_killed_process_are_closed_and_given_back(
    catalog: Catalog, planned: Plan, python: Callable[..., Popen[str]]
) -> None:
    code = "from storage.catalog.owners import this_owner; print(this_owner(), flush=True); input()"
    process = python(code)
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    plan = planned(3)
    mine, its = start(catalog, this_owner()), start(catalog, owner, "flow-run")
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests[:2], owner, HOUR)
        writes.claim_cells(s, plan.digests[2:], this_owner(), HOUR)
    assert close(catalog) == []
    process.kill()
    process.wait()
    assert close(catalog) == [(its, "flow-run")]
    assert close(catalog) == []
    assert states(catalog) == {plan.run: "running", mine: "running", its: "crashed"}
    with catalog.read() as s:
        found = [views.cell(s, digest).state for digest in plan.digests]
        assert list(views.crashed_flow_runs(s)) == ["flow-run"]
        assert [event.event for event in views.history(s, "run", its)] == ["found dead"]
    assert found == ["planned", "planned", "generating"]


def test_a_run_elsewhere_is_dead_once_it_is_silent_and_not_while_it_beats(catalog: Catalog) -> None:
    beating, silent = start(catalog, "elsewhere:1:x"), start(catalog, "elsewhere:2:x")
    with RunHeartbeat(catalog, beating, silent_seconds=0.8):
        time.sleep(1.2)
        assert close(catalog, 0.8) == [(silent, None)]
        with catalog.write() as s:  # cut off only, it closes its run itself in the end
            writes.finish_run(s, silent, "completed")
    assert states(catalog) == {beating: "running", silent: "completed"}


def test_a_run_without_an_owner_is_judged_by_its_silence(catalog: Catalog) -> None:
    old = start(catalog, None)
    with catalog.write() as s:
        s.execute(text("UPDATE runs SET seen_at = NULL"))  # as versions before left it
    assert close(catalog) == []
    assert close(catalog, -1) == [(old, None)]


def test_a_flow_that_is_retried_belongs_to_who_retries_it(catalog: Catalog) -> None:
    first = start(catalog, "elsewhere:1:x", "flow-run")
    assert start(catalog, this_owner(), "flow-run") == first
    time.sleep(0.01)
    assert close(catalog) == []


def test_who_is_taken_for_dead_hears_that_another_process_continues_its_run(catalog: Catalog) -> None:
    heard: list[str] = []
    run = start(catalog, "elsewhere:1:x", "flow-run")
    first = RunHeartbeat(
        catalog, run, silent_seconds=HOUR, owner="elsewhere:1:x", on_lost=lambda: heard.append("another has it")
    )
    first.beat()
    assert (first.lost, heard) == (False, [])
    assert start(catalog, this_owner(), "flow-run") == run
    first.beat()
    first.beat()
    assert (first.lost, heard) == (True, ["another has it"])
    with catalog.write() as s:
        assert not writes.finish_run(s, run, "cancelled", owner="elsewhere:1:x")
    assert states(catalog) == {run: "running"}
    with catalog.write() as s:
        assert writes.finish_run(s, run, "completed", owner=this_owner())
    assert states(catalog) == {run: "completed"}
