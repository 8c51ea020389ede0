"""The dashboard's reads on some thousand outputs: every one walks an index, and pages end in bounded time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from storage.catalog import Catalog, views
from storage.catalog.records import CatalogError
from storage.catalog.views.review import gallery
from tests.storage.large import explained

F = views.Filter


def plans(s: Session, ask: Callable[[], Any]) -> str:
    """How the database goes about every statement that `ask` sends."""
    # some tables are so small that PostgreSQL would rightly read them whole
    found = explained(s, ask, ("seqscan", "hashjoin", "mergejoin", "hashagg"))
    assert found
    return "\n".join(found)


READS: dict[str, Callable[[Session], Any]] = {
    "newest": lambda s: views.gallery_page(s, F()),
    "subject": lambda s: views.gallery_page(s, F(subject_id=3)),
    "decision": lambda s: views.gallery_page(s, F(decision="flagged")),
    "prompt": lambda s: views.gallery_page(s, F(prompt="beach 7")),
    "style": lambda s: views.gallery_page(s, F(style="anime")),
    "run": lambda s: views.gallery_page(s, F(run_id="bench-3")),
    "reviewer": lambda s: views.gallery_page(s, F(reviewer="ann")),
    "pose": lambda s: views.gallery_page(s, F(pose="0" * 64)),
    "checkpoint": lambda s: views.gallery_page(s, F(checkpoint_id=1)),
    "score": lambda s: views.gallery_page(s, F(metric="clip_i", lowest=0.2, highest=0.9)),
    "score in subject": lambda s: views.gallery_page(s, F(subject_id=3, metric="clip_i", lowest=0.1)),
    "subject and all": lambda s: views.gallery_page(s, F(subject_id=3, decision="none", style="anime", prompt="7")),
    "score and all": lambda s: views.gallery_page(s, F(metric="clip_i", decision="none", style="anime", prompt="7")),
    "count": lambda s: views.count(s, F(metric="clip_i", decision="none", prompt="7")),
    "output": lambda s: views.output(s, 5),
    "sibling": lambda s: views.sibling(s, views.output(s, 5)),
    "outputs": lambda s: views.outputs(s, list(range(1, 10))),
    "decisions": lambda s: views.decisions(s),
    "cell states": lambda s: views.cell_states(s, ["planned", "generating", "failed", "lost"]),
    "choices": lambda s: views.choices(s),
    "subject page": lambda s: views.subject(s, 3),
    "grid": lambda s: views.grid(s, 3),
    "subjects": lambda s: views.subjects_page(s, after=100),
    "runs": lambda s: views.runs_progress(s),
    "audit": lambda s: views.audit_page(s),
    "audit of one": lambda s: views.audit_page(s, entity="user", entity_id="ann"),
    "audit by one": lambda s: views.audit_page(s, actor="ann"),
    "queues": lambda s: views.queues_of(s, 1),
    "session": lambda s: views.session_of(s, "0" * 64, idle=timedelta(hours=1)),
    "token": lambda s: views.token_of(s, "0" * 64),
    "batches": lambda s: views.batches(s),
}
BIG = ("outputs", "cells", "scores", "reviews", "run_cells", "blobs", "cell_subjects", "subject_scores")


@pytest.mark.parametrize("name", READS)
def test_a_page_of_the_dashboard_reads_no_large_table_whole(large: Catalog, name: str) -> None:
    with large.read() as s:
        plan = plans(s, lambda: READS[name](s))
    for table in BIG:
        assert f"Seq Scan on {table}" not in plan, plan
        for line in plan.splitlines():  # walking an index in its order is no scan of the table: it stops
            assert not (f"SCAN {table}" in line and "INDEX" not in line) or name in ORDERED, plan


ORDERED = {"newest", "prompt", "style", "run", "reviewer", "pose", "checkpoint"}
"""These walk SQLite's outputs by id, which is the table itself, and stop at the page's or the window's end."""


@pytest.mark.parametrize("wanted", [F(decision="flagged"), F(prompt="beach 7"), F(metric="clip_t", style="anime")])
def test_pages_hold_every_row_once_in_order_whatever_the_window(
    large: Catalog, wanted: views.Filter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "WINDOW", 700)
    monkeypatch.setattr(gallery, "SECONDS", 0.0)
    monkeypatch.setattr(gallery, "COUNTING", 3600.0)
    rows: list[views.OutputRow] = []
    with large.read() as s:
        page, turns = views.gallery_page(s, wanted), 1
        while page.next is not None:
            rows += page.rows
            page, turns = views.gallery_page(s, wanted, after=page.next), turns + 1
        rows += page.rows
        assert views.count(s, wanted) == views.Count(len(rows), False)
    assert len({row.output_id for row in rows}) == len(rows) > 50
    order = [(row.value or 0.0, row.output_id) for row in rows]
    assert order == sorted(order, reverse=True)


def test_a_filter_that_finds_nothing_knows_where_to_look_on(large: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "WINDOW", 15_000)
    monkeypatch.setattr(gallery, "SECONDS", 0.0)
    with large.read() as s:
        page = views.gallery_page(s, F(prompt="nowhere"))
        assert (page.rows, page.next is None) == ([], False)
        assert views.gallery_page(s, F(prompt="nowhere"), after=page.next) == views.Page([], None)


def test_what_a_filter_cannot_be(large: Catalog) -> None:
    with pytest.raises(CatalogError, match="choose the metric too"):
        F(lowest=0.5)
    with pytest.raises(CatalogError, match="decision 'maybe' is not known"):
        F(decision="maybe")  # type: ignore[arg-type]
    with large.read() as s, pytest.raises(CatalogError, match="limit 0"):
        views.gallery_page(s, F(), limit=0)


def test_choices_are_what_the_catalog_holds(large: Catalog) -> None:
    with large.read() as s:
        found = views.choices(s)
        assert (found.metrics, found.reviewers, found.poses) == (["clip_i", "clip_t"], ["ann"], [])
        assert len(found.subjects) == 200
        assert len(found.runs) == 10
        assert views.decisions(s)["rejected"] == 3
        assert views.decisions(s)["none"] == 10_001  # counted so far and no further
