"""What was spent, on both databases: by cells, by sessions, by runs."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from storage.catalog import Catalog, views, writes
from storage.catalog.database.base import now
from storage.catalog.records import CatalogError, CellPicture, WorkFigures
from storage.catalog.schema import Cell, Run

IMAGE = "1" * 64


def test_what_is_spent_is_known_by_cell_by_session_and_by_run(
    catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(5)
    one, two, bad, given_back, free = plan.digests
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests[:4], "a:1:x", 60)
        pictures = [CellPicture(one, IMAGE, 64, 64, 2.0), CellPicture(two, IMAGE, 64, 64, 3.0)]
        writes.finish_cells(s, pictures, owner="a:1:x", run_id=plan.run, device="cpu")
        writes.finish_cells(s, pictures, owner="a:1:x", run_id=plan.run, device="cpu")  # again: nothing more
        writes.fail_cell(s, bad, owner="a:1:x", error="no", device_seconds=4.0, device="cpu")
        writes.release_cells(s, [given_back], owner="a:1:x")
        writes.spend_on_cells(s, {given_back: 5.0}, "cpu")
        writes.spend_on_cells(s, {given_back: 1.0, "unknown": 1.0}, "NVIDIA H200")
        for _ in range(2):  # a beat is written again after a lost connection
            figures = WorkFigures(items=2, failures=1, uploads_waiting=7)
            about: dict[str, Any] = {"run_id": plan.run, "owner": "a:1:x", "device": "cpu", "device_seconds": 15.0}
            writes.record_work(s, "s1", kind="generate", figures=figures, **about)
        s.execute(update(Run).where(Run.id == plan.run).values(spec={"budget": {"money": 5.0}}))
        writes.cancel_run(s, plan.run, actor="eva")
    with catalog.read() as s:
        cells = dict(s.execute(select(Cell.digest, Cell.device_seconds)).all())
        assert cells == {one: 2.0, two: 3.0, bad: 4.0, given_back: 6.0, free: None}
        (spent,) = views.spending(s, plan.run)
        assert (spent.kind, spent.device, spent.device_seconds, spent.items) == ("generate", "cpu", 15.0, 2)
        figures = views.run_figures(s, plan.run)
        assert (figures.all.total, figures.all.made, figures.all.failed, figures.device_seconds) == (5, 2, 1, 15.0)
        assert views.run_limits(s, plan.run) == views.RunLimits("eva", {"money": 5.0})
        (at_work,) = views.workers(s, 80)
        assert (at_work.working, at_work.silent, at_work.uploads_waiting) == (1, 0, 7)
        assert [one.id for one in views.session_totals(s, now() - timedelta(minutes=1))] == ["s1"]
        assert views.work_before(s, now() - timedelta(minutes=1)) == []
        (queue,) = views.run_queues(s)
        assert queue.cells == {"generated": 2, "failed": 1, "planned": 2}


def test_a_token_of_an_unknown_scope_is_refused(catalog: Catalog) -> None:
    with catalog.write() as s:
        user = writes.add_user(s, name="ann", role="viewer", actor="t")
        about: dict[str, Any] = {"user_id": user, "name": "t", "expires_at": now(), "actor": "t"}
        writes.add_token(s, token_sha256="1", scope="metrics", **about)
        with pytest.raises(CatalogError, match="scope 'root' is not known"):
            writes.add_token(s, token_sha256="2", scope="root", **about)


def test_a_run_that_its_flow_continues_stays_cancelled_until_it_has_ended(catalog: Catalog) -> None:
    def start() -> str:
        with catalog.write() as s:
            return writes.start_run(s, name="t", spec={}, flow_run_id="7a")

    def cancelled_by(run: str) -> str | None:
        with catalog.read() as s:
            return views.run_limits(s, run).cancelled_by

    run = start()
    with catalog.write() as s:
        writes.cancel_run(s, run, actor="eva")
    assert (start(), cancelled_by(run)) == (run, "eva")
    with catalog.write() as s:
        writes.finish_run(s, run, "crashed", reason="its process has died")
    assert (start(), cancelled_by(run)) == (run, "eva"), "it died before it saw that"
    with catalog.write() as s:
        writes.finish_run(s, run, "cancelled", reason="cancelled by eva")
    assert (start(), cancelled_by(run)) == (run, None), "somebody wants it after all"
