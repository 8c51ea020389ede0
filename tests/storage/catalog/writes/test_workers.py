"""Several processes on one grid: no cell is given twice, and what a dead one held comes back."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from subprocess import Popen
from types import SimpleNamespace

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.owners import this_owner
from storage.catalog.records import CellDetail

Plan = Callable[..., SimpleNamespace]
Python = Callable[..., Popen[str]]
CELLS = 1000

# Takes what is free, some cells at a time, to the end of the grid; says what it got before it finishes it, if it does.
WORKER = """
import sys
from storage.catalog import Catalog, writes
from storage.catalog.owners import this_owner
url, count, chunk, owner, lease = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5])
owner = owner or this_owner()
digests = [f"{i:064x}" for i in range(count)]
with Catalog.open(url) as catalog:
    print("ready", flush=True); sys.stdin.readline()
    for start in range(0, count, chunk):
        mine = catalog.transact(lambda s: writes.claim_cells(s, digests[start:start + chunk], owner, lease))
        print("claimed", *mine, flush=True)
        def finish(s):
            for digest in mine if "finish" in sys.argv else ():
                writes.finish_cell(s, digest, owner=owner, image_sha256="1" * 64, width=1, height=1)
        catalog.transact(finish)
        print("finished", *mine, flush=True)
"""


def started(python: Python, arguments: list[list[object]]) -> list[Popen[str]]:
    workers = [python(WORKER, one) for one in arguments]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return workers


def said(worker: Popen[str], what: str) -> list[str]:
    """The digests in the lines of a worker that has ended."""
    lines = worker.communicate(timeout=300)[0].splitlines()
    return [digest for line in lines if line.startswith(what) for digest in line.split()[1:]]


def states(catalog: Catalog) -> dict[str, int]:
    with catalog.read() as s:
        return {state: count for state, count in views.status(s).cells.items() if count}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def test_four_processes_share_a_thousand_cells_and_none_is_given_twice(
    url: str, catalog: Catalog, planned: Plan, python: Python
) -> None:
    plan = planned(CELLS)
    workers = started(python, [[url, CELLS, 60, "elsewhere", 600]] * 4)
    claimed = Counter(digest for worker in workers for digest in said(worker, "claimed"))
    assert [worker.returncode for worker in workers] == [0] * 4
    with catalog.read() as s:
        attempts = Counter(row.attempts for row in _cells(catalog, plan.digests))
        assert views.status(s).cells["generating"] == len(claimed)
    assert max(claimed.values()) == 1
    assert set(attempts) <= {0, 1}
    assert attempts[1] == len(claimed)
    # Whoever found rows locked went past them; whoever comes now finds the rest.
    with catalog.write() as s:
        rest = writes.claim_cells(s, plan.digests, this_owner(), 600)
    assert len(rest) + len(claimed) == CELLS


@pytest.mark.slow
def test_the_cells_of_a_killed_process_come_back(url: str, catalog: Catalog, planned: Plan, python: Python) -> None:
    plan = planned(200)
    victim, other = started(python, [[url, 200, 20, "", 600, "finish"]] * 2)
    assert victim.stdout is not None
    lines = [victim.stdout.readline()]
    os.kill(victim.pid, signal.SIGKILL)
    lines += victim.communicate()[0].splitlines()
    other_claimed = said(other, "claimed")
    assert other.returncode == 0
    (last,) = started(python, [[url, 200, 20, "", 600, "finish"]])
    last_claimed = said(last, "claimed")
    assert last.returncode == 0
    assert states(catalog) == {"generated": 200}
    # What the victim said was finished is not made again; what it had only claimed may be, by one other.
    kept = {digest for line in lines if line.startswith("finished") for digest in line.split()[1:]}
    assert kept.isdisjoint(other_claimed)
    assert kept.isdisjoint(last_claimed)
    assert set(other_claimed).isdisjoint(last_claimed)
    assert all(1 <= row.attempts <= 2 for row in _cells(catalog, plan.digests))


@pytest.mark.slow
def test_the_cells_of_a_process_killed_on_another_machine_come_back_after_their_lease(
    url: str, catalog: Catalog, planned: Plan, python: Python
) -> None:
    digests = planned(10).digests
    code = WORKER.replace('print("claimed", *mine, flush=True)', 'print("claimed", flush=True); sys.stdin.readline()')
    worker = python(code, [url, 10, 10, "elsewhere:7:token", 6])
    assert worker.stdin is not None
    assert worker.stdout is not None
    before = time.monotonic()
    worker.stdin.write("go\n")
    worker.stdin.flush()
    assert [worker.stdout.readline() for _ in range(2)] == ["ready\n", "claimed\n"]
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    with catalog.write() as s:
        assert writes.claim_cells(s, digests, this_owner(), 600) == []
    while not (taken := _claim(catalog, digests)):
        assert time.monotonic() < before + 60
        time.sleep(0.1)
    assert time.monotonic() > before + 5.9
    assert taken == digests
    assert states(catalog) == {"generating": 10}


def _claim(catalog: Catalog, digests: list[str]) -> list[str]:
    with catalog.write() as s:
        return writes.claim_cells(s, digests, this_owner(), 600)


def _cells(catalog: Catalog, digests: list[str]) -> list[CellDetail]:
    with catalog.read() as s:
        return views.cells(s, digests)
