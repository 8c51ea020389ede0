"""Catalog and store taken away in the middle of a run: killed, gone for long, answering badly, full."""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from storage.catalog import views
from tests.chaos.conftest import Grid, assert_whole, wait_for
from tests.chaos.grid import acknowledged
from tests.chaos.servers import Bucket, Postgres, Proxy

Grids = Callable[..., Grid]
Undisturbed = Callable[..., dict[str, str]]
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
long = [pytest.mark.slow, pytest.mark.chaos_long]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    named = os.environ.get("DREAMTUNER_TEST_MINISTACK")
    program = Path(named) if named else ROOT / ".venv-s3/bin/ministack"
    if not program.exists():
        pytest.skip(f"no S3 server at {program}: `make test` installs it")
    server = Bucket(program, tmp_path / "s3")
    server.start()
    for name, value in {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="pictures")
    client.put_object(Bucket="pictures", Key="keep", Body=b"x")  # this server forgets an empty bucket when it is killed
    client.close()
    from storage.objects.client import s3_client

    s3_client.cache_clear()
    yield server
    s3_client.cache_clear()
    server.kill()


@pytest.fixture
def postgres_of_ours() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.start()
    server.stop()


@pytest.mark.parametrize("kills", [2, pytest.param(15, marks=long)])
def test_the_bucket_is_killed_under_a_worker(
    kills: int, grids: Grids, undisturbed: Undisturbed, bucket: Bucket
) -> None:
    seeds = 12 * kills
    expected, grid, chance = undisturbed(seeds), grids(store="s3://pictures/killed", seeds=seeds), random.Random(kills)
    worker = grid.start(0.01)
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.2))
        bucket.kill()
        time.sleep(chance.uniform(0, 0.5))
        bucket.start()
        if worker.exitcode is not None:
            worker = grid.start(0.01)
    grid.kill()
    grid.finish()
    assert_whole(grid, expected)


@pytest.mark.parametrize("kills", [pytest.param(2, marks=long), pytest.param(15, marks=long)])
def test_postgresql_is_killed_under_two_workers(
    kills: int, grids: Grids, undisturbed: Undisturbed, postgres_of_ours: Postgres
) -> None:
    seeds = 12 * kills
    expected, grid, chance = undisturbed(seeds), grids(catalog=postgres_of_ours.url, seeds=seeds), random.Random(kills)
    crew = [grid.start(0.02), grid.start(0.02)]
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.2))
        postgres_of_ours.kill()
        time.sleep(chance.uniform(0, 0.5))
        postgres_of_ours.start()
        crew = [one if one.exitcode is None else grid.start(0.02) for one in crew]
    grid.kill()
    grid.finish()
    assert_whole(grid, expected)


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=long)])
def test_the_database_goes_away_and_the_same_worker_goes_on(
    seconds: int, grids: Grids, undisturbed: Undisturbed, postgres_of_ours: Postgres
) -> None:
    expected, grid = undisturbed(), grids(catalog=postgres_of_ours.url)
    worker = grid.start(0.05)
    wait_for(lambda: len(acknowledged(grid.acks)) >= 8, 120, "the first pictures")
    postgres_of_ours.kill()
    late = grid.start(0.05)  # it finds no database to open
    time.sleep(seconds)
    postgres_of_ours.start()
    for one in (worker, late):
        one.join(180)
        assert one.exitcode == 0, grid.log()[-3000:]
    assert_whole(grid, expected)


@pytest.mark.parametrize(("bad", "slow"), [(0.2, 0.05), pytest.param(0.3, 1.0, marks=long)])
def test_the_bucket_answers_500_and_503_and_slowly(
    bad: float, slow: float, grids: Grids, undisturbed: Undisturbed, bucket: Bucket
) -> None:
    expected, grid = undisturbed(), grids(store="s3://pictures/bad")
    proxy = Proxy(bucket.endpoint, bad=bad, slow_seconds=slow)
    try:
        grid.environment["AWS_ENDPOINT_URL"] = proxy.endpoint
        grid.finish(attempts=8)
        assert proxy.handler.answered_badly > 5
    finally:
        proxy.close()
    assert_whole(grid, expected)


def test_the_disk_is_full_and_then_it_is_not(grids: Grids, undisturbed: Undisturbed, tmp_path: Path) -> None:
    expected = undisturbed()
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        grid = grids(store=str(disk / "objects"))
        gives_up = grid.start(DREAMTUNER_PATIENCE_SECONDS="1")
        gives_up.join(120)
        assert gives_up.exitcode != 0
        assert "gave up after 1 s" in grid.log()
        assert "No space left on device" in grid.log()
        kept = set(acknowledged(grid.acks))
        assert kept
        assert kept == set(grid.pictures()) & kept
        with grid.catalog() as catalog, catalog.read() as s:
            assert views.status(s).cells["failed"] == 0, "a full disk is no cell's failure"
        waits = grid.start()
        before = grid.log().count("retrying")
        wait_for(lambda: grid.log().count("retrying") > before, 60, "a worker that waits for the disk")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        waits.join(180)
        assert waits.exitcode == 0, grid.log()[-3000:]
        assert_whole(grid, expected)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_the_clock_jumps_by_a_day_and_back_under_three_workers(
    grids: Grids, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Forward, every lease has run out at once; back, it runs for another day, also that of a worker that is dead."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    expected, grid = undisturbed(), grids(lease=3600)
    crew = [grid.start(0.3, CLOCK_FILE=str(clock)) for _ in range(3)]
    for seconds in (86_400, 0, 86_400, -86_400):
        wait_for(lambda: _generating(grid), 60, "a cell under way")
        clock.write_text(str(seconds))
        time.sleep(0.5)
    wait_for(lambda: _generating(grid), 60, "a cell under way")
    crew[0].kill()
    for worker in crew[1:]:
        worker.join(120)
        assert worker.exitcode == 0, grid.log()[-3000:]
    assert_whole(grid, expected, overtaken=True)


def test_a_worker_that_slept_through_its_lease_disturbs_nobody(grids: Grids, undisturbed: Undisturbed) -> None:
    import signal

    expected, grid = undisturbed(), grids(lease=1.0)
    sleeper = grid.start(0.05)
    wait_for(lambda: len(acknowledged(grid.acks)) >= 2, 120, "the first pictures")
    assert sleeper.pid is not None
    os.kill(sleeper.pid, signal.SIGSTOP)
    try:
        time.sleep(1.5)
        grid.finish(0.01)
        assert grid.pictures() == expected
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
    sleeper.join(120)
    assert sleeper.exitcode == 0, grid.log()[-3000:]
    assert_whole(grid, expected, overtaken=True)


def _generating(grid: Grid) -> bool:
    with grid.catalog() as catalog, catalog.read() as s:
        return views.status(s).cells["generating"] > 0
