"""No page reads a large table whole: every statement that a page sends is explained, on both databases."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import insert, select

from deploy.bench.pages import Visitor, gallery, member, of_member, others, visitor
from deploy.bench.plans import heard, whole_among, whole_reads
from deploy.dashboard.culling.arrange import Culling, arrange
from deploy.dashboard.routes import routers
from deploy.dashboard.security.secrets import digest
from deploy.dashboard.settings import Settings
from dreamtuner.curation.perceptual_hash import BYTES, HASH_VERSION
from storage.catalog import Catalog, views, writes
from storage.catalog.bench import fill_people
from storage.catalog.database.base import now
from storage.catalog.records import ImageFingerprint
from storage.catalog.schema import Cell, RunCell
from storage.catalog.views.machines.cursor import cursor
from tests.storage.conftest import postgres
from tests.storage.large import OUTPUTS, PER_SUBJECT, filled

__all__ = ["postgres"]

NOT_OF_THE_CATALOG = {
    "/api/runs/stream",  # what /fragments/runs asks, again and again
    "/fragments/flow-runs",  # Prefect's
    "/compare/blind",  # of runs of one spec, which the large catalog has not: test_votes
    "/health",
    "/client/{secret}",
    "/client/{secret}/pictures/{number:int}",
    "/inspect",
    "/orders/schedules",  # Prefect's
    "/orders/tables/example.csv",
    "/orders/tables/{sha256}/faults.csv",
    "/login",
    "/login/oidc",
    "/login/oidc/callback",
    "/link/{secret}",
    "/outputs/{output_id:int}/download",
    "/pictures/{sha256}",
    "/previews/{sha256}",
    "/review/splits/{split_id}",
    "/thumbs/{sha256}.webp",
}
"""Routes that ask for a row or two by their keys, if for anything."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """20,000 outputs of 200 subjects with 6,100 reviews."""
    with filled(request, tmp_path_factory, "plans") as catalog:
        fill_people(catalog, OUTPUTS)
        yield catalog


def test_every_statement_of_every_page_goes_by_an_index(large: Catalog) -> None:
    who = visitor(large)
    settings = Settings(catalog_url=large.url.render_as_string(hide_password=False), store_url="/nowhere")
    pages = gallery(OUTPUTS, PER_SUBJECT) | others(who, OUTPUTS, PER_SUBJECT)
    # some tables are so small that PostgreSQL would rightly read them whole
    found = whole_reads(settings, large, who.cookies, pages, without=("seqscan", "hashjoin", "mergejoin", "hashagg"))
    assert not found, "\n\n".join(f"{name}:\n{plan}" for name, plans in found.items() for plan in plans)


def test_every_statement_of_the_interface_for_programs_goes_by_an_index(large: Catalog) -> None:
    secret = secrets.token_hex(8)
    with large.write() as s:
        user = writes.add_user(s, name=secret, role="admin", actor="setup")
        about: dict[str, Any] = {"name": "t", "scope": "admin", "actor": "setup"}
        expires = now() + timedelta(hours=1)
        writes.add_token(s, user_id=user, token_sha256=digest(secret), expires_at=expires, **about)
        # the runs of the bench have no cells: one that asked for all there is
        run = writes.start_run(s, name="all", spec={}, flow_run_id=None)
        rows = s.execute(select(Cell.id).order_by(Cell.id)).all()
        s.execute(insert(RunCell), [{"run_id": run, "cell_id": row.id, "position": i} for i, row in enumerate(rows)])
        digests = s.scalars(select(Cell.digest).limit(1)).one()
    lists = ("subjects", "uploads", "runs", "exports", "outputs", "outputs?prompt=snow", f"outputs?run={run}")
    pages = [*lists, f"runs/{run}/cells?limit=200&cursor={cursor([OUTPUTS // 2])}", f"cells/{digests}", "subjects/1"]
    pages += ["outputs/1", "outputs/1/reviews", "webhooks", "me", f"runs/{run}/spec", "runs?state=completed"]
    drawn = {page: (lambda _, page=page: f"/api/v1/{page}") for page in pages}
    settings = Settings(catalog_url=large.url.render_as_string(hide_password=False), store_url="/nowhere")
    without = ("seqscan", "hashjoin", "mergejoin", "hashagg")
    found = whole_reads(settings, large, {}, drawn, without, {"Authorization": f"Bearer {secret}"})
    assert not found, "\n\n".join(f"{name}:\n{plan}" for name, plans in found.items() for plan in plans)


def test_arranging_a_queue_reads_its_outputs_and_the_newest_decisions_by_an_index(large: Catalog) -> None:
    draw = Random(1)
    with large.write() as s:
        ids = [*range(OUTPUTS - 300, OUTPUTS)]
        for one in (decided := range(1, 61)):
            seen = views.output(s, one)
            who: dict[str, Any] = {"uuid": f"for-plans-{one}", "output_id": one, "reviewer": "ann"}
            writes.add_review(s, revision=seen.revision, decision="approved" if one % 2 else "rejected", **who)
        prints = [
            ImageFingerprint(
                image_sha256=one.image_sha256,
                phash=draw.randbytes(8).hex(),
                structure=draw.randbytes(BYTES),
                hash_version=HASH_VERSION,
            )
            for one in views.signs_of(s, [*ids, *decided])
        ]
        writes.add_fingerprints(s, prints)
    with heard() as sent:
        arranged = arrange(large, ids, None, Culling(stacks=True, triage=True))
    assert arranged.triage is not None
    assert sorted(arranged.pictures) == ids
    without = ("seqscan", "hashjoin", "mergejoin", "hashagg")
    assert whole_among(large, {"arrange": sent}, without) == {}


@pytest.mark.slow
def test_every_statement_goes_by_an_index_for_a_person_of_a_project(large: Catalog) -> None:
    """Of the ten runs one is theirs, one is nobody's, and eight are of another project."""
    who = member(large)
    settings = Settings(catalog_url=large.url.render_as_string(hide_password=False), store_url="/nowhere")
    pages = gallery(OUTPUTS, PER_SUBJECT) | others(who, OUTPUTS, PER_SUBJECT)
    found = whole_reads(
        settings, large, who.cookies, of_member(pages), without=("seqscan", "hashjoin", "mergejoin", "hashagg")
    )
    assert not found, "\n\n".join(f"{name}:\n{plan}" for name, plans in found.items() for plan in plans)


def test_a_statement_that_reads_a_large_table_whole_is_seen(large: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    from storage.catalog.schema import Output

    monkeypatch.setattr(views, "tokens", lambda s, user_id=None: list(s.query(Output).filter_by(width=1)))
    who = visitor(large)
    settings = Settings(catalog_url=large.url.render_as_string(hide_password=False), store_url="/nowhere")
    assert set(
        whole_reads(settings, large, who.cookies, {"account": lambda r: "/account", "me": lambda r: "/api/me"})
    ) == {"account"}


def test_every_page_is_among_those_that_are_looked_at() -> None:
    who = Visitor({}, "queue")
    pages = gallery(2000, 100) | others(who, 2000, 100)
    addresses = {page(Random(0)).split("?")[0] for page in pages.values()}
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if "GET" in route.methods and route.path not in NOT_OF_THE_CATALOG:
                assert any(route.path_regex.match(one) for one in addresses), route.path


def test_two_runs_are_compared_by_reading_each_once(large: Catalog) -> None:
    """Runs of 2,000 images each: a look through the subject for each of them takes many times as long."""
    if large.url.get_backend_name() != "sqlite":
        pytest.skip("SQLite counts its steps")
    with large.write() as s:
        ids = s.scalars(select(Cell.id).order_by(Cell.id).limit(4000)).all()
        runs = [writes.start_run(s, name="half", spec={}, flow_run_id=None) for _ in range(2)]
        for i, run in enumerate(runs):
            rows = [{"run_id": run, "cell_id": one, "position": place} for place, one in enumerate(ids[i::2])]
            s.execute(insert(RunCell), rows)
    ticks = [0]

    def tick() -> int:
        ticks[0] += 1
        return 0

    with large.read() as s:
        opened: Any = s.connection().connection.driver_connection
        opened.set_progress_handler(tick, 10_000)
        views.pairs_of_runs(s, *runs)
        opened.set_progress_handler(None, 0)
    assert ticks[0] < 60
