"""The page of a run: what it took and cost, and what can be done with it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from sqlalchemy import select, update

from deploy.dashboard.live import LiveFigures
from storage.catalog import views, writes
from storage.catalog.database.base import now
from storage.catalog.records import CatalogError, WorkFigures
from storage.catalog.schema import Output, Run, WorkSession
from storage.rates import Rates
from storage.run_costs import money, run_cost
from tests.deploy.dashboard.conftest import Site
from tests.deploy.dashboard.orders import orders

H200 = "NVIDIA H200"
RATES = Rates("EUR", {H200: 3.6, "cpu": 0.36}, 36.0)


def only_run(site: Site) -> str:
    with site.catalog.read() as s:
        (run,) = views.recent_runs(s)
    return run.id


def work_for(site: Site, run: str) -> None:
    """An hour of a GPU, ten minutes of a CPU."""
    with site.catalog.write() as s:
        for kind, device, seconds in (("generate", H200, 3600.0), ("score", "cpu", 600.0)):
            about: dict[str, Any] = {"run_id": run, "owner": "o", "kind": kind, "device": device, "ended": True}
            figures = WorkFigures(items=240, failures=2, model_loads=1, model_load_seconds=20.0)
            writes.record_work(s, f"{kind} 1", device_seconds=seconds, figures=figures, **about)


def decide(site: Site, decision: Any, outputs: range) -> None:
    for output in outputs:
        site.say("ann", output, decision, 1)


def test_what_a_run_took_and_cost_is_said_per_image_and_per_approved_one(start: Callable[..., Site]) -> None:
    site = start(rates=RATES)
    run = only_run(site)
    with site.catalog.read() as s:
        assert s.scalars(select(Output.run_id)).first() == run
        before = views.run_figures(s, run)
        fresh = s.scalars(select(Output.id).where(Output.decision == "none")).all()
    assert not before.known
    assert run_cost(before, RATES).device_seconds is None
    with site.client("viewer") as client:
        assert "made before it was recorded" in client.get(f"/runs/{run}").text
    work_for(site, run)
    for output, decision in zip(fresh[:4], ("approved", "approved", "approved", "rejected"), strict=True):
        site.say("ann", output, decision, 1)
    with site.catalog.read() as s:
        figures = views.run_figures(s, run)
    cost = run_cost(figures, RATES)
    approved = before.all.approved + 3
    assert (figures.all.total, figures.all.made, figures.all.approved) == (240, 240, approved)
    assert sum(one.total for one in figures.subjects.values()) == 240
    assert cost.device_seconds == 4200
    assert cost.device_money == pytest.approx(3.66)
    assert cost.money_per_image == pytest.approx(3.66 / 240)
    assert cost.people_money == pytest.approx(cost.review_seconds / 100)
    assert cost.money_per_approved == pytest.approx((3.66 + cost.review_seconds / 100) / approved)
    assert run_cost(figures, Rates("EUR", {H200: 3.6})).unpriced == ("cpu",)
    assert run_cost(figures, Rates("EUR", {H200: 3.6})).device_money is None
    with site.client("viewer") as client:
        shown = client.get(f"/runs/{run}").text
    for words in ("3.66 EUR", "1 h 0 min", "0.015 EUR", "Cost", "/subjects/1/grid", "18 s"):
        assert words in shown, words
    assert "/cancel" not in shown, "a viewer cannot"


def test_review_time_counts_pauses_as_none_and_bulk_decisions_as_one(site: Site) -> None:
    run = only_run(site)
    with site.catalog.read() as s:
        before = views.run_figures(s, run).review_seconds
        fresh = s.scalars(select(Output.id).where(Output.decision == "none")).all()
    at = now() + timedelta(days=1)
    from storage.catalog.schema import Review

    with site.catalog.write() as s:
        for place, after in enumerate((0, 7, 20, 500)):  # the first, then 7 s, 13 s and a pause
            about: dict[str, Any] = {"output_id": fresh[place], "revision": 9, "image_sha256": "0" * 64, "note": ""}
            about |= {"decision": "approved", "rating": 0, "reviewer": "eva", "uuid": f"r{place}"}
            s.add(Review(created_at=at + timedelta(seconds=after), **about))
            s.flush()
    with site.catalog.read() as s:
        assert views.run_figures(s, run).review_seconds == pytest.approx(before + 10 + 7 + 13 + 10)


def test_a_run_is_cancelled_by_the_catalog_and_resumed_by_its_spec(start: Callable[..., Site]) -> None:
    with orders() as taken:
        site = start(prefect_api=taken.api)
        run = only_run(site)
        with site.client("operator") as client:
            assert f'action="/runs/{run}/cancel"' in client.get(f"/runs/{run}").text
            assert client.post(f"/runs/{run}/cancel").status_code == 303
            assert "operator asked to cancel it" in client.get(f"/runs/{run}/state").text
            with site.catalog.read() as s:
                assert views.run_limits(s, run).cancelled_by == "operator"
            with site.catalog.write() as s:
                writes.mark_cells_lost(s, [views.cells_of_run(s, run)[0].digest])
                writes.finish_run(s, run, "cancelled", reason="cancelled by operator")
                with pytest.raises(CatalogError, match="has ended"):
                    writes.cancel_run(s, run, actor="x")
            shown = client.get(f"/runs/{run}").text
            assert "Resume, 1 missing" in shown
            assert client.post(f"/runs/{run}/cancel").status_code == 400
            assert client.post(f"/runs/{run}/again").status_code == 303
            with site.catalog.write() as s:
                hidden = {"subjects": [{"name": "p", "reference": "https://***@host/p.png"}]}
                s.execute(update(Run).where(Run.id == run).values(spec=hidden))
            assert "password or signature" in client.post(f"/runs/{run}/again").text
    (order,) = taken.taken
    with site.catalog.read() as s:
        assert order[0] == "catalog/catalog"
        assert set(order[1]) == {"spec"}


@pytest.mark.parametrize(("scheme", "width"), [pytest.param("light", 1280, marks=pytest.mark.slow), ("dark", 360)])
def test_the_page_breaks_no_rule_and_fits(
    start: Callable[..., Site], browser: Browser, scheme: Any, width: int
) -> None:
    site = start(rates=RATES)
    run = only_run(site)
    work_for(site, run)
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    context.add_cookies([{"name": "dreamtuner_session", "value": site.cookies["admin"], "url": site.base}])
    page = context.new_page()
    page.goto(f"{site.base}/runs/{run}")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    found = Axe().run(page)
    context.close()
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found.response["violations"]] == []


def test_sessions_of_a_forgotten_run_stay_in_the_totals(site: Site) -> None:
    run = only_run(site)
    work_for(site, run)
    with site.catalog.write() as s:
        writes.finish_run(s, run, "completed")
        writes.forget_run(s, run, actor="t")
        assert s.scalars(select(WorkSession.run_id)).all() == [None, None]


def test_the_figures_of_a_large_run_are_counted_less_often(site: Site) -> None:
    run, clock = only_run(site), [0.0]

    def slow() -> float:
        clock[0] += 0.5
        return clock[0]

    figures = LiveFigures(site.catalog, slow)
    first = figures.of(run)
    assert figures.of(run) is first
    clock[0] += 20
    assert figures.of(run) is not first


@pytest.mark.parametrize(
    ("amount", "said"), [(1234.5, "1,234.50"), (0.1, "0.10"), (0.00075, "0.00075"), (9.3e-05, "0.000093"), (0, "0.00")]
)
def test_small_amounts_are_written_out(amount: float, said: str) -> None:
    assert money(amount) == said
