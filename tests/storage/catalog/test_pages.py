"""Pages of a catalog with some thousand outputs: what they hold, and that the database walks an index for them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from storage.catalog import Catalog, views, writes
from storage.catalog.bench import fill, measure
from storage.catalog.records import CatalogError
from tests.storage.large import OUTPUTS, explained

Turn = Callable[[Session, str | None], views.Page[Any]]
F = views.Filter
PAGES: dict[str, tuple[Turn, str]] = {
    "subject": (lambda s, a: views.gallery_page(s, F(subject_id=3), after=a), "ix_cell_subjects_subject_id_output_id"),
    "decision": (lambda s, a: views.gallery_page(s, F(decision="flagged"), after=a), "ix_outputs_decision_id"),
    "score": (
        lambda s, a: views.gallery_page(s, F(metric="clip_i"), after=a),
        "ix_scores_metric_current_value_output_id",
    ),
    "score in subject": (
        lambda s, a: views.gallery_page(s, F(metric="clip_i", subject_id=3), after=a),
        "ix_subject_scores_subject_id_metric_value_output_id",
    ),
    "score by decision": (
        lambda s, a: views.gallery_page(s, F(metric="clip_t", decision="flagged"), after=a),
        "ix_scores_decision_metric_current_value_output_id",
    ),
    "score within bounds": (
        lambda s, a: views.gallery_page(s, F(metric="clip_i", lowest=0.25, highest=0.75), after=a),
        "ix_scores_metric_current_value_output_id",
    ),
}


def plan_of(s: Session, ask: Callable[[], Any]) -> str:
    """How the database goes about the one statement that `ask` sends."""
    # some rows are few enough to be sorted, which PostgreSQL would rightly do
    (plan,) = explained(s, ask, ("sort", "seqscan", "bitmapscan"))
    return plan


@pytest.mark.parametrize("name", PAGES)
def test_a_page_walks_an_index_and_sorts_nothing(large: Catalog, name: str) -> None:
    turn, index = PAGES[name]
    with large.read() as s:
        middle = turn(s, None).next
        assert middle is not None
        for after in (None, middle):
            plan = plan_of(s, lambda after=after: turn(s, after))  # type: ignore[misc]
            assert index in plan, plan
            assert "TEMP B-TREE" not in plan, plan
            assert "Sort" not in plan, plan
            assert "Seq Scan on cells" not in plan, plan


def test_a_claim_looks_at_the_cells_it_names_and_no_others(large: Catalog) -> None:
    sent: list[tuple[str, Any]] = []
    with large.write() as s:
        connection = s.connection()
        event.listen(connection, "before_cursor_execute", lambda _, __, sql, values, *___: sent.append((sql, values)))
        digests = [f"a000{i:060x}" for i in range(200, 216)]
        assert len(writes.claim_cells(s, digests, "me", 60)) == 1  # one in 200 is lost
        statement, values = next(one for one in sent if "digest IN" in one[0])
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(explain + statement, values))
        s.rollback()
    # by the digests, or by the few cells that are not generated if those are fewer
    assert any(one in plan for one in ("uq_cells_digest", "sqlite_autoindex_cells_1", "ix_cells_open")), plan
    assert "SCAN cells" not in plan, plan
    assert "Seq Scan on cells" not in plan, plan


@pytest.mark.parametrize("name", ["subject", "score in subject", "score within bounds"])
def test_pages_hold_every_row_once_in_order(large: Catalog, name: str) -> None:
    turn, _ = PAGES[name]
    rows: list[views.OutputRow] = []
    with large.read() as s:
        page = turn(s, None)
        while True:
            rows += page.rows
            if page.next is None:
                break
            page = turn(s, page.next)
    assert len({row.output_id for row in rows}) == len(rows)
    order = [(row.value or 0.0, row.output_id) for row in rows]
    assert order == sorted(order, reverse=True)
    if name == "score within bounds":
        assert all(row.value is not None and 0.25 <= row.value <= 0.75 for row in rows)
        assert len(rows) == pytest.approx(OUTPUTS / 2, rel=0.02)
    else:
        assert len(rows) in (99, 100)


def test_the_bench_measures_pages_and_work(catalog: Catalog) -> None:
    fill(catalog, 1_000, per_subject=100)
    with pytest.raises(CatalogError, match="not empty; use a new one for the benchmark"):
        fill(catalog, 10)
    figures = {figure.name: figure for figure in measure(catalog, 1_000, pages=3, cells=32)}
    assert {"page: newest", "page: subject", "page: run", "page: score", "plan", "claim", "finish"} <= set(figures)
    for figure in figures.values():
        if figure.per_second is None:
            assert figure.p50_ms is not None
            assert figure.p95_ms is not None
            assert 0 < figure.p50_ms <= figure.p95_ms
        else:
            assert figure.per_second > 0


def test_a_run_and_a_lost_picture_are_left_out_where_they_should_be(
    catalog: Catalog, planned: Callable[..., Any]
) -> None:
    plan = planned(5)
    with catalog.write() as s:
        writes.claim_cells(s, plan.digests, "me", 60)
        ids = [
            writes.finish_cell(s, digest, owner="me", image_sha256="1" * 64, width=8, height=8)
            for digest in plan.digests
        ]
        other = writes.start_run(s, name="other", spec={}, flow_run_id=None)
        writes.plan_cells(s, other, plan.cells[1:3])
        writes.mark_cells_lost(s, plan.digests[:1])
    with catalog.read() as s:
        assert [row.output_id for row in views.gallery_page(s, F()).rows] == ids[:0:-1]
        assert [row.output_id for row in views.gallery_page(s, F(run_id=other)).rows] == [ids[2], ids[1]]
        assert [one.digest for one in views.cells_of_run(s, other)] == plan.digests[1:3]


@pytest.mark.parametrize("after", ["", "x", "W10", "WzEsMl0", "bnVsbA", "W3RydWVd"])
def test_a_place_that_no_page_gave_is_refused(catalog: Catalog, after: str) -> None:
    with catalog.read() as s, pytest.raises(CatalogError, match="is not the `next` of such a page"):
        views.gallery_page(s, F(), after=after)


def test_what_a_page_cannot_be_asked(catalog: Catalog) -> None:
    with catalog.read() as s:
        for limit in (0, 301):
            with pytest.raises(CatalogError, match=rf"limit {limit} is outside 1\.\.300"):
                views.gallery_page(s, F(), limit=limit)
