"""The simulation of many workers: on a real PostgreSQL none of its cells is lost or doubled, and it would say so."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from deploy.bench import bench
from deploy.bench.scale.measure import WINDOW_SECONDS, _times, measure
from deploy.bench.scale.plan import Load
from storage.catalog import Catalog, writes
from storage.catalog.bench.account import Account, account
from storage.catalog.records import CatalogError


@pytest.fixture
def server(new_database: Callable[[str], str]) -> str:
    return new_database("migrated")


@pytest.mark.slow
def test_workers_that_die_lose_and_double_nothing(server: str) -> None:
    load = Load(server, "", 4, 40.0, 6.0, 1.0, 4, lease=1.0, evictions=1.0, failures=0.05)
    with Catalog.open(server) as catalog:
        found = measure(catalog, load, say=lambda line: None)
    assert (found.lost, found.doubled, found.stuck) == (0, 0, 0)
    assert found.generated > 40
    assert found.claims.count > 5
    assert 0 < found.claims.p50_ms <= found.claims.p95_ms <= found.claims.p99_ms
    assert 0 <= found.idle < 1
    assert found.statements > 1
    assert found.wal_bytes > 0


def test_too_few_connections_are_named(server: str) -> None:
    load = Load(server, "", 100_000, 116.0, 1.0, 1.0, 16, 60.0, 0.0, 0.0)
    with Catalog.open(server) as catalog, pytest.raises(CatalogError, match="--workers 100000: the server allows max"):
        measure(catalog, load, say=lambda line: None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--catalog", "sqlite:///x.db"], "name a PostgreSQL database"),
        (["--catalog", "postgresql://u@h/d", "--workers", "1,many"], "write whole numbers from 1"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(bench, ["scale", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert said in done.output


def test_the_account_finds_what_is_lost_doubled_or_stuck(
    catalog: Catalog, planned: Callable[..., SimpleNamespace]
) -> None:
    plan = planned(4)
    done, lost, stuck, _ = plan.digests
    with catalog.write() as s:
        writes.claim_cells(s, [done, stuck], "a:1:x", 60)
        writes.finish_cell(s, done, owner="a:1:x", image_sha256="1" * 64, width=1, height=1)
    with catalog.read() as s:
        assert account(s, plan.run, [done]) == Account(generated=1, lost=0, doubled=0, stuck=1)
        assert account(s, plan.run, [done, done, lost]) == Account(generated=1, lost=1, doubled=1, stuck=1)


def test_times_are_sorted_into_percentiles_and_windows() -> None:
    calls = [(WINDOW_SECONDS * (i // 50), (i % 50 + 1) / 1000) for i in range(100)]
    found = _times(calls)
    assert (found.count, found.p50_ms, found.p95_ms, found.p99_ms) == (100, 26.0, 48.0, 50.0)
    assert list(found.windows_p95_ms) == [48.0, 48.0]
    assert _times([]).count == 0
