"""The database chooses what a worker claims next: by subject, in grid order, each cell once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, text, update

from storage.catalog import Catalog, views, writes
from storage.catalog.records import MAX_FAILURES, CellRecord, ClaimedCells
from storage.catalog.schema import Cell, Run, RunCell
from tests.storage.large import explained

SUBJECTS, EACH = ("pip", "momo", "kiki"), 4


@dataclass
class House:
    """A catalog with a run of four cells of each of three subjects, those of the last with another profile."""

    catalog: Catalog
    run: str
    profiles: list[int]

    def next(self, owner: str, most: int = 4, **how: Any) -> ClaimedCells | None:
        with self.catalog.write() as s:
            return writes.claim_next_cells(s, self.run, owner, how.pop("lease", 60), most=most, **how)

    def subject(self, owner: str, most: int = 4, **how: Any) -> tuple[str, list[int]] | None:
        found = self.next(owner, most, **how)
        return None if found is None else (found.subject, [int(digest, 16) for digest in found.digests])


def digest(i: int) -> str:
    return f"{i:064x}"


@pytest.fixture
def house(catalog: Catalog) -> House:
    with catalog.write() as s:
        writes.record_blob(s, sha256="1" * 64, size=1, content_type="image/png")
        profiles = [writes.add_profile(s, name=name, weights_digest="w") for name in ("pocket", "large")]
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
        cells = []
        for i, name in enumerate(SUBJECTS):
            subject = writes.add_subject(s, name=name, class_word="bear", style="natural")
            about: dict[str, Any] = {"subject_id": subject, "image_sha256": "1" * 64, "width": 1, "height": 1}
            reference = writes.add_reference(s, **about, source="x", caption=None)
            for j in range(EACH):
                fields: dict[str, Any] = {"subject_id": subject, "reference_id": reference, "mask_id": None}
                fields |= {"profile_id": profiles[name == "kiki"], "prompt": "a bear", "pose": None, "settings": {}}
                cells.append(CellRecord(digest=digest(EACH * i + j), seed=j, **fields))
        writes.plan_cells(s, run, cells)
    return House(catalog, run, profiles)


def test_a_worker_goes_on_with_its_subject_and_others_begin_elsewhere(house: House) -> None:
    first = house.next("a:1:x", 3)
    assert first is not None
    assert (first.subject, first.digests, first.first, first.last) == ("pip", [digest(i) for i in range(3)], 0, 2)
    assert house.subject("b:1:x", 3) == ("momo", [4, 5, 6])
    near = (first.subject_id, first.last)
    assert house.subject("a:1:x", 3, near=near) == ("pip", [3])
    assert house.subject("a:1:x", 3, near=near) == ("kiki", [8, 9, 10])
    assert house.subject("c:1:x", 9) == ("momo", [7])  # one worker is at each: the first in the grid
    assert house.subject("c:1:x", 9) == ("kiki", [11])
    assert house.subject("c:1:x", 9) is None


def test_failed_cells_come_last_and_not_for_ever(house: House) -> None:
    for owner in ("a:1:x", "b:1:x", "c:1:x"):
        house.next(owner)
    for _ in range(MAX_FAILURES - 1):
        with house.catalog.write() as s:
            assert writes.fail_cell(s, digest(0), owner="a:1:x", error="no")
            writes.release_cells(s, [digest(5)], owner="b:1:x")
        assert house.subject("b:1:x") == ("momo", [5])
        assert house.subject("a:1:x") == ("pip", [0])
    with house.catalog.write() as s:
        writes.fail_cell(s, digest(0), owner="a:1:x", error="no")
    assert house.next("a:1:x") is None


def test_what_a_worker_cannot_generate_is_left_for_others(house: House) -> None:
    unable = {"but": [digest(0), digest(1)], "but_profiles": [house.profiles[1]]}
    assert house.subject("a:1:x", 9, **unable) == ("pip", [2, 3])
    assert house.subject("a:1:x", 9, **unable) == ("momo", [4, 5, 6, 7])
    assert house.subject("a:1:x", 9, **unable) is None
    with house.catalog.read() as s:
        assert views.run_left(s, house.run, **unable) == views.RunLeft(generating=True, claimable=False)
        assert views.run_left(s, house.run).claimable
    with house.catalog.write() as s:
        said = writes.block_cells(s, house.run, house.profiles[1], "too large")
    assert sorted(said) == [digest(i) for i in range(8, 12)]
    with house.catalog.read() as s:
        assert [one.reason for one in views.run(s, house.run).reasons] == ["too large"] * 4
    assert house.subject("b:1:x", 9) == ("pip", [0, 1])
    assert house.subject("b:1:x", 9) == ("kiki", [8, 9, 10, 11])


def test_a_dead_workers_cells_are_claimed_again_after_its_lease(house: House) -> None:
    assert house.subject("a:1:x", 9, lease=0) == ("pip", [0, 1, 2, 3])
    assert house.subject("b:1:x", 9) == ("pip", [0, 1, 2, 3])
    with house.catalog.read() as s:
        assert [one.event for one in views.history(s, "cell", digest(0))] == ["taken over"]


def test_workers_at_once_get_different_cells(house: House) -> None:
    def work(owner: str) -> Sequence[str]:
        got: list[str] = []
        while (found := house.next(owner, 1)) is not None:
            got += found.digests
        return got

    with ThreadPoolExecutor(4) as pool:
        found = [one for got in pool.map(work, [f"{name}:1:x" for name in "abcd"]) for one in got]
    assert sorted(found) == [digest(i) for i in range(12)]


def test_runs_at_work_are_counted_with_their_workers(house: House) -> None:
    house.next("a:1:x")
    house.next("b:1:x", lease=0)  # whose lease is over
    with house.catalog.write() as s:
        later = writes.start_run(s, name="order", spec={}, flow_run_id=None, priority="high")
        over = writes.start_run(s, name="over", spec={}, flow_run_id=None)
        writes.finish_run(s, over, "completed")
    with house.catalog.read() as s:
        assert [(one.id, one.weight, one.others) for one in views.runs_at_work(s, but_by="c:1:x")] == [
            (house.run, 4, 1),
            (later, 16, 0),
        ]
        assert [one.others for one in views.runs_at_work(s, but_by="a:1:x")] == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("large", ["postgres"], indirect=True)
def test_the_choice_of_a_subject_does_not_read_its_whole_run(large: Catalog) -> None:
    with large.write() as s:
        run = s.scalars(select(Run.id).order_by(Run.id).limit(1)).one()
        s.execute(update(Cell).values(state="planned"))
        s.execute(update(RunCell).values(run_id=run))  # the only run: nothing but the subject divides it
        s.execute(update(Run).where(Run.id == run).values(state="running"))
        s.execute(text("ANALYZE"))
        plans = explained(s, lambda: writes.claim_next_cells(s, run, "a:1:x", 60, most=4), ())
        s.rollback()
    assert any("ix_cells_open" in plan for plan in plans)
    assert not [plan for plan in plans if "Seq Scan on run_cells" in plan or "Seq Scan on cells" in plan]
