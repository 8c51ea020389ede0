import os
import signal
from collections.abc import Callable
from dataclasses import replace
from subprocess import Popen
from types import SimpleNamespace

import pytest

from storage.catalog import Catalog, views, writes
from storage.catalog.owners import this_owner
from storage.catalog.records import CatalogError, CellPicture, LeaseLostError, NotInCatalogError

Plan = Callable[..., SimpleNamespace]
IMAGE, OTHER = "1" * 64, "2" * 64


def claim(catalog: Catalog, digests: list[str], owner: str, lease: float = 60) -> list[str]:
    with catalog.write() as s:
        return writes.claim_cells(s, digests, owner, lease)


def finish(catalog: Catalog, digest: str, owner: str, image: str = IMAGE) -> int:
    with catalog.write() as s:
        return writes.finish_cell(s, digest, owner=owner, image_sha256=image, width=64, height=64)


def states(catalog: Catalog) -> dict[str, int]:
    with catalog.read() as s:
        return {state: count for state, count in views.status(s).cells.items() if count}


def test_a_plan_enters_each_cell_once_and_keeps_its_order(catalog: Catalog, planned: Plan) -> None:
    plan = planned(1200)
    more = [replace(plan.cells[0], digest=f"{i:064x}") for i in (1201, 3, 1200, 3)]
    with catalog.write() as s:
        again = writes.plan_cells(s, plan.run, plan.cells)
        run = writes.start_run(s, name="second", spec={}, flow_run_id=None)
        mixed = writes.plan_cells(s, run, more)
        empty = writes.plan_cells(s, run, [])
    assert (again.new, again.existing) == ([], plan.digests)
    assert mixed.new == [more[0].digest, more[2].digest]
    assert mixed.existing == [more[1].digest]
    assert (empty.new, empty.existing) == ([], [])
    with catalog.read() as s:
        assert [cell.digest for cell in views.cells_of_run(s, plan.run)] == plan.digests
        assert [cell.digest for cell in views.cells_of_run(s, run)] == [cell.digest for cell in more[:3]]


def test_a_claimed_cell_is_nobody_elses(catalog: Catalog, planned: Plan) -> None:
    digests = planned(3).digests
    assert claim(catalog, [digests[2], digests[0], digests[2], "unknown"], "a:1:x") == [digests[2], digests[0]]
    assert claim(catalog, digests, "b:1:x") == [digests[1]]
    assert claim(catalog, digests, "a:1:x") == []
    with catalog.read() as s:
        cell = views.cell(s, digests[0])
    assert (cell.state, cell.owner, cell.attempts) == ("generating", "a:1:x", 1)


def test_several_are_finished_at_once_and_what_is_anothers_is_left_out(catalog: Catalog, planned: Plan) -> None:
    digests = planned(5).digests
    mine, its, free = digests[:3], digests[3], digests[4]
    claim(catalog, mine, "a:1:x")
    claim(catalog, [its], "b:1:x")
    finish(catalog, mine[0], "a:1:x")
    pictures = [CellPicture(digest, IMAGE, 64, 64) for digest in [*reversed(digests), "unknown"]]
    with catalog.write() as s:
        assert writes.finish_cells(s, pictures, owner="a:1:x", run_id=None) == mine[::-1]
        assert writes.finish_cells(s, pictures, owner="a:1:x") == mine[::-1]
        assert writes.finish_cells(s, [], owner="a:1:x") == []
    with catalog.read() as s:
        found = {digest: views.cell(s, digest) for digest in digests}
        events = [[one.event for one in views.history(s, "cell", digest)] for digest in mine]
    assert [found[digest].state for digest in digests] == ["generated"] * 3 + ["generating", "planned"]
    assert [found[digest].image_sha256 for digest in digests] == [IMAGE] * 3 + [None] * 2
    assert (found[its].owner, found[free].owner) == ("b:1:x", None)
    assert events == [["generated"]] * 3
    with pytest.raises(CatalogError, match="not a recorded blob"), catalog.write() as s:
        writes.finish_cells(s, [CellPicture(free, "9" * 64, 1, 1)], owner="a:1:x")


def test_failed_released_and_expired_cells_are_claimed_again_and_generated_ones_never(
    catalog: Catalog, planned: Plan
) -> None:
    failed, released, expired, generated = digests = planned(4).digests
    claim(catalog, [failed, released, generated], "a:1:x")
    claim(catalog, [expired], "a:1:x", lease=0)
    with catalog.write() as s:
        assert writes.fail_cell(s, failed, owner="a:1:x", error="out of memory")
        assert writes.release_cells(s, [released, failed], owner="a:1:x") == [released]
    finish(catalog, generated, "a:1:x")
    with catalog.read() as s:
        assert views.cell(s, failed).error == "out of memory"
    assert states(catalog) == {"planned": 1, "generating": 1, "generated": 1, "failed": 1}
    assert claim(catalog, digests, "b:1:x") == [failed, released, expired]
    with catalog.read() as s:
        assert [views.cell(s, d).attempts for d in digests] == [2, 2, 2, 1]
        assert views.cell(s, failed).error is None


def test_who_was_overtaken_can_no_longer_speak_for_the_cell(catalog: Catalog, planned: Plan) -> None:
    (digest,) = planned(1).digests
    claim(catalog, [digest], "slow:1:x", lease=0)
    claim(catalog, [digest], "quick:1:x")
    with catalog.write() as s:
        assert writes.renew_lease(s, [digest], "slow:1:x", 60) == []
        assert not writes.fail_cell(s, digest, owner="slow:1:x", error="late")
        assert writes.release_cells(s, [digest], owner="slow:1:x") == []
    with pytest.raises(LeaseLostError, match="leased by quick:1:x, not by slow:1:x"):
        finish(catalog, digest, "slow:1:x")
    output = finish(catalog, digest, "quick:1:x")
    assert finish(catalog, digest, "slow:1:x") == output  # it made the same picture: no harm
    with pytest.raises(LeaseLostError):
        finish(catalog, digest, "slow:1:x", OTHER)
    with catalog.read() as s:
        assert views.cell(s, digest).image_sha256 == IMAGE


def test_a_renewed_lease_holds(catalog: Catalog, planned: Plan) -> None:
    digests = planned(2).digests
    claim(catalog, digests, "a:1:x", lease=0)
    with catalog.write() as s:
        assert writes.renew_lease(s, digests[:1], "a:1:x", 60) == digests[:1]
    assert claim(catalog, digests, "b:1:x") == []  # the worker is alive, and with it all that it holds
    with catalog.write() as s:
        assert writes.renew_worker(s, "a:1:x", 0)
        assert not writes.renew_worker(s, "a:1:x", 60)  # too late: others may have its cells
    assert claim(catalog, digests, "b:1:x") == digests[1:]


def test_a_worker_that_has_left_keeps_its_cells_for_their_own_leases(catalog: Catalog, planned: Plan) -> None:
    digests = planned(2).digests
    claim(catalog, digests[:1], "a:1:x", lease=0)
    claim(catalog, digests[1:], "a:1:x", lease=60)
    with catalog.write() as s:
        writes.leave_worker(s, "a:1:x")
    assert claim(catalog, digests, "b:1:x") == digests[:1]


def test_finishing_twice_is_finishing_once(catalog: Catalog, planned: Plan) -> None:
    (digest,) = planned(1).digests
    claim(catalog, [digest], "a:1:x")
    assert finish(catalog, digest, "a:1:x") == finish(catalog, digest, "a:1:x")
    with catalog.read() as s:
        cell = views.cell(s, digest)
    assert (cell.state, cell.owner, cell.lease_expires_at) == ("generated", None, None)


def test_what_cannot_be_finished_says_why(catalog: Catalog, planned: Plan) -> None:
    (digest,) = planned(1).digests
    with pytest.raises(LeaseLostError, match="is planned"):
        finish(catalog, digest, "a:1:x")
    with pytest.raises(NotInCatalogError, match="'unknown'"):
        finish(catalog, "unknown", "a:1:x")
    claim(catalog, [digest], "a:1:x")
    with pytest.raises(CatalogError, match="not a recorded blob"):
        finish(catalog, digest, "a:1:x", "f" * 64)
    for owner, lease in (("", 1.0), ("a:1:x", -1.0)):
        with pytest.raises(CatalogError, match="lease_seconds"):
            claim(catalog, [digest], owner, lease)


def test_a_lost_picture_is_made_again_and_keeps_its_scores_only_if_it_is_the_same(
    catalog: Catalog, planned: Plan
) -> None:
    same, differs = digests = planned(2).digests
    claim(catalog, digests, "a:1:x")
    outputs = [finish(catalog, digest, "a:1:x") for digest in digests]
    with catalog.write() as s:
        for output in outputs:
            writes.add_scores(s, metric="clip_i", version="1", values={output: 0.5})
        assert writes.mark_cells_lost(s, digests) == digests
    assert states(catalog) == {"lost": 2}
    with catalog.read() as s:
        assert views.status(s).scored == 0
        assert views.cell(s, same).image_sha256 is None
    assert claim(catalog, digests, "b:1:x") == digests
    assert [finish(catalog, same, "b:1:x"), finish(catalog, differs, "b:1:x", OTHER)] == outputs
    with catalog.read() as s:
        assert [views.cell(s, digest).scores for digest in digests] == [{"clip_i": 0.5}, {}]
        assert views.cell(s, differs).image_sha256 == OTHER


def test_a_cell_that_failed_three_times_stays_failed_until_it_is_asked_for_again(
    catalog: Catalog, planned: Plan
) -> None:
    plan = planned(2)
    bad, _ = plan.digests

    def try_it() -> bool:
        claimed = claim(catalog, [bad], "a:1:x") == [bad]
        if claimed:
            with catalog.write() as s:
                writes.fail_cell(s, bad, owner="a:1:x", error="out of luck")
        return claimed

    assert [try_it() for _ in range(4)] == [True, True, True, False]
    with catalog.read() as s:
        cell = views.cell(s, bad)
    assert (cell.state, cell.error, cell.attempts, cell.failures) == ("failed", "out of luck", 3, 3)
    with catalog.write() as s:
        writes.plan_cells(s, plan.run, plan.cells)  # the same run goes on: nobody asked anew
    assert not try_it()
    with catalog.write() as s:
        again = writes.start_run(s, name="again", spec={}, flow_run_id=None)
        writes.plan_cells(s, again, plan.cells)
    assert [try_it() for _ in range(4)] == [True, True, True, False]
    with catalog.write() as s:
        writes.plan_cells(s, writes.start_run(s, name="once more", spec={}, flow_run_id=None), plan.cells)
    assert claim(catalog, [bad], "a:1:x") == [bad]
    finish(catalog, bad, "a:1:x")
    with catalog.read() as s:
        assert views.cell(s, bad).failures == 0


def test_an_interrupt_or_a_death_is_no_failure_of_the_cell(catalog: Catalog, planned: Plan) -> None:
    (digest,) = planned(1).digests
    for _ in range(4):
        assert claim(catalog, [digest], "a:1:x", lease=0) == [digest]
    with catalog.write() as s:
        writes.release_cells(s, [digest], owner="a:1:x")
    with catalog.read() as s:
        assert (views.cell(s, digest).attempts, views.cell(s, digest).failures) == (4, 0)


def test_a_killed_owners_cells_are_taken_at_once_and_a_living_ones_are_not(
    url: str, catalog: Catalog, planned: Plan, python: Callable[..., Popen[str]]
) -> None:
    digests = planned(4).digests
    code = """
import sys
from storage.catalog import Catalog, writes
from storage.catalog.owners import this_owner
catalog = Catalog.open(sys.argv[1])
with catalog.write() as s:
    writes.claim_cells(s, sys.argv[2:], this_owner(), 3600)
with catalog.write() as s:
    writes.finish_cell(s, sys.argv[2], owner=this_owner(), image_sha256="1" * 64, width=1, height=1)
with catalog.write() as s:
    writes.release_cells(s, sys.argv[2:], owner=this_owner())
    print("inside", flush=True)
    sys.stdin.readline()
"""
    worker = python(code, [url, *digests])
    assert worker.stdout is not None
    assert worker.stdout.readline() == "inside\n"
    with catalog.read() as s:  # the release is not committed
        assert [cell.state for cell in views.cells_of_run(s, "x")] == []
        assert views.status(s).cells["generating"] == 3
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert claim(catalog, digests, this_owner(), 3600) == digests[1:]  # the acknowledged one stays
    assert claim(catalog, digests, this_owner(), 3600) == []
