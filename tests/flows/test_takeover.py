"""A run that waits for another's cells takes them over when that other dies, here or elsewhere."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import flows.execution.claims.wait_for_others
import flows.generate
from flows.execution.device_lock import locked_device
from flows.faults import RunStoppedError
from flows.generate import generate
from flows.outcome import result_of
from flows.resources import Resources
from flows.settings import Settings
from storage.catalog import views, writes
from tests.flows.test_generate import Draw, digests, fake, picture, states

__all__ = ["digests", "fake"]
MOST_LOOKS = 40
HOLD = """
import sys
from storage.catalog import Catalog, writes
from storage.catalog.owners import this_owner
with Catalog.open(sys.argv[1]) as catalog:
    catalog.transact(lambda s: writes.claim_cells(s, sys.argv[2:], this_owner(), 3600))
print("held", flush=True)
input()
"""


@pytest.fixture
def run_id(settings: Settings, digests: list[str]) -> str:
    with Resources.open(settings).catalog.read() as s:
        return views.recent_runs(s)[0].id


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], None]:
    """Have something done at each look at the others' cells; a run that looks for ever fails."""

    def set_up(at_look: Callable[[int], None]) -> None:
        looks = 0

        def sleep(_: float) -> None:
            nonlocal looks
            looks += 1
            assert looks < MOST_LOOKS, "it waits for a process that is dead"
            at_look(looks)

        monkeypatch.setattr(flows.execution.claims.wait_for_others, "time", SimpleNamespace(sleep=sleep))
        # Prefect's bookkeeping has tests of its own
        monkeypatch.setattr(flows.generate, "generate_cells", flows.generate.generate_cells.fn)

    return set_up


class _Told:
    def result(self) -> None: ...


def test_cells_of_a_process_that_is_killed_on_this_machine(
    settings: Settings, digests: list[str], run_id: str, fake: Callable[[Draw], None], looking: Callable[..., None]
) -> None:
    command = [sys.executable, "-c", HOLD, settings.catalog_url, *digests[:3]]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    holder = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    seen = []

    def kill_at_the_third(look: int) -> None:
        seen.append(states(settings, digests))
        if look == 3:
            holder.kill()
            holder.wait()

    looking(kill_at_the_third)
    fake(lambda cells: [picture(cell) for cell in cells])
    try:
        made = result_of(lambda: generate.fn(run_id))
    finally:
        holder.kill()
        holder.communicate()
    assert set(made.made) == set(digests)
    assert seen == [["generating"] * 3 + ["generated"] * 5] * 3
    assert states(settings, digests) == ["generated"] * 8


def test_a_run_that_waits_for_others_sees_that_it_is_cancelled(
    settings: Settings, digests: list[str], run_id: str, fake: Callable[[Draw], None], looking: Callable[..., None]
) -> None:
    def cancel_at_the_second(look: int) -> None:
        if look == 2:
            with Resources.open(settings).catalog.write() as s:
                writes.cancel_run(s, run_id, actor="eva")

    looking(cancel_at_the_second)
    fake(lambda cells: [picture(cell) for cell in cells])
    with Resources.open(settings).catalog.write() as s:
        writes.claim_cells(s, digests[:3], "elsewhere:1:token", 600)
    with pytest.raises(RunStoppedError, match="cancelled by eva; 5 of 8 images are generated"):
        generate.fn(run_id)


def test_who_waits_for_the_device_stops_if_asked() -> None:
    def stop() -> None:
        raise RunStoppedError("cancelled", "cancelled by eva")

    with (
        locked_device("test of a wait"),
        pytest.raises(RunStoppedError, match="cancelled by eva"),
        locked_device("test of a wait", waiting=stop),
    ):
        raise AssertionError("the device is locked")


def test_cells_of_another_machine_once_their_lease_has_run_out(
    settings: Settings, digests: list[str], run_id: str, fake: Callable[[Draw], None], looking: Callable[..., None]
) -> None:
    def claim(seconds: float) -> None:
        with Resources.open(settings).catalog.write() as s:
            writes.renew_lease(s, digests[:3], "elsewhere:1:x", seconds)

    with Resources.open(settings).catalog.write() as s:
        writes.claim_cells(s, digests[:3], "elsewhere:1:x", 3600)
    looking(lambda look: claim(3600 if look < 3 else 0))
    fake(lambda cells: [picture(cell) for cell in cells])
    assert set(result_of(lambda: generate.fn(run_id)).made) == set(digests)
    with Resources.open(settings).catalog.read() as s:
        events = [[one.event for one in views.history(s, "cell", digest)] for digest in digests]
    assert events == [["taken over", "generated"]] * 3 + [["generated"]] * 5
