"""The fine-tunings that a run waits for: which are free, what became of each, and how many cells are to come."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from storage.catalog import Catalog, views, writes

DIGESTS = ["a" * 64, "b" * 64, "c" * 64]


@pytest.fixture
def run(catalog: Catalog, planned: Callable[..., SimpleNamespace]) -> str:
    plan = planned(1)
    with catalog.write() as s:
        profile = writes.add_profile(s, name="pocket", weights_digest="w")
        for digest in DIGESTS:
            writes.plan_training(
                s, digest, reference_id=plan.reference, mask_id=None, profile_id=profile, recipe={"of": digest}
            )
        writes.record_blob(s, sha256="9" * 64, size=7, content_type="application/octet-stream")
        run_id = writes.start_run(s, name="trip", spec={}, flow_run_id=None, owner="me")
        writes.await_trainings(s, run_id, [(digest, 10 + i) for i, digest in enumerate(DIGESTS)])
    return run_id


def states(catalog: Catalog, run: str) -> list[tuple[bool, bool, bool]]:
    with catalog.read() as s:
        return [(one.free, one.done, one.awaited) for one in views.run_trainings(s, run)]


def to_come(catalog: Catalog, run: str) -> int:
    with catalog.read() as s:
        return views.cells_to_come(s, run)


def test_its_cells_come_until_they_are_planned_or_the_fine_tuning_failed(catalog: Catalog, run: str) -> None:
    free, at_work, done = (True, False, True), (False, False, True), (False, True, True)
    assert states(catalog, run) == [free] * 3
    assert to_come(catalog, run) == 33
    with catalog.read() as s:
        assert [(one.done, one.total) for one in views.runs_progress(s) if one.id == run] == [(0, 33)]
    catalog.transact(lambda s: writes.claim_training(s, DIGESTS[0], "host:1:a", 60))
    catalog.transact(lambda s: writes.claim_training(s, DIGESTS[1], "host:2:b", 0))
    assert states(catalog, run) == [at_work, free, free], "a lease that ran out is free"
    with catalog.write() as s:
        writes.finish_training(s, DIGESTS[0], owner="host:1:a", step=1, weights_sha256="9" * 64)
        writes.fail_run_training(s, run, DIGESTS[1], "it does not converge")
    assert states(catalog, run) == [done, (False, False, False), free]
    assert to_come(catalog, run) == 10 + 12
    with catalog.write() as s:
        writes.training_planned(s, run, DIGESTS[0])
        assert [one.error for one in views.run_trainings(s, run)] == [None, "it does not converge", None]
    assert to_come(catalog, run) == 12
    catalog.transact(lambda s: writes.finish_run(s, run, "cancelled"))
    assert to_come(catalog, run) == 0, "a run that has ended plans no more"


def test_a_run_that_is_continued_waits_anew(catalog: Catalog, run: str) -> None:
    catalog.transact(lambda s: writes.fail_run_training(s, run, DIGESTS[0], "no power"))
    catalog.transact(lambda s: writes.await_trainings(s, run, [(DIGESTS[0], 5)]))
    assert states(catalog, run) == [(True, False, True)]
    assert to_come(catalog, run) == 5
