"""Infrastructure faults while cells are generated: none counts as a cell's failure, and the worker goes on afterwards.

Each test waits for next to nothing: the pauses are short here, and whatever would wait for ever fails instead.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
import torch
from PIL import Image, UnidentifiedImageError
from sqlalchemy.exc import OperationalError, ProgrammingError

import flows.execution.generation_worker
import flows.execution.inputs.references
import flows.execution.score_outputs
import flows.patience
import storage.ingest
from dreamtuner.models.weights import WeightsMissingError
from dreamtuner.sampling.request import Cell
from flows.execution.score_outputs import ScoreAccount
from flows.faults import Fault, UnavailableError, fault_of
from flows.patience import Patience
from flows.resources import Resources
from flows.settings import Settings
from storage.catalog import views, writes
from storage.catalog.records import NotInCatalogError
from storage.keys import blob_key
from storage.objects import ChecksumMismatchError, ObjectMissingError, StoreError
from tests.flows.conftest import MakeCells
from tests.flows.test_generate import Draw, digests, fake, picture, states

__all__ = ["digests", "fake"]

FULL = OSError(28, "No space left on device")


@pytest.fixture
def patient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A worker that waits as long as the test lasts, in short pauses."""
    monkeypatch.setattr(flows.patience, "FIRST_SECONDS", 0.005)
    monkeypatch.setattr(flows.execution.generation_worker, "MEMORY_PAUSES", (0.005, 0.005))
    monkeypatch.setenv("DREAMTUNER_PATIENCE_SECONDS", "60")
    return Settings.load()


class Outage:
    """Calls that fail so many times before they work again; what is asked of it meanwhile is counted."""

    def __init__(self, times: int, error: Exception, work: Callable[..., Any]) -> None:
        self.left, self.error, self.work = times, error, work

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self.left > 0:
            self.left -= 1
            raise self.error
        return self.work(*given, **named)


def setup(cells: Sequence[Cell]) -> list[Image.Image]:
    return [picture(cell) for cell in cells]


def failures(settings: Settings, digests: list[str]) -> list[int]:
    with Resources.open(settings).catalog.read() as s:
        return [views.cell(s, digest).failures for digest in digests]


def sqlite_error(code: int, words: str) -> OperationalError:
    cause = sqlite3.OperationalError(words)
    cause.sqlite_errorcode = code
    return OperationalError("SELECT 1", {}, cause)


AWAY = {
    "store": StoreError("bucket b, object x: 503"),
    "disk": FULL,
    "catalog": sqlite_error(sqlite3.SQLITE_IOERR, "disk I/O error"),
    "network": ConnectionResetError(104, "Connection reset by peer"),
}


def prefect_says(status: int) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://127.0.0.1/api")
    return httpx.HTTPStatusError("no", request=request, response=httpx.Response(status, request=request))


@pytest.mark.parametrize("what", AWAY)
def test_what_is_away_when_references_are_read_is_waited_for_and_the_cells_are_free_meanwhile(
    make_cells: MakeCells,
    patient: Settings,
    digests: list[str],
    fake: Callable[[Draw], None],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    fake(setup)
    away = Outage(3, AWAY[what], flows.execution.inputs.references.get_blob)
    monkeypatch.setattr(flows.execution.inputs.references, "get_blob", away)
    seen = []
    wait = Patience.retry

    def retry(self: Patience, work: Any, *, retreat: Callable[[], bool] = lambda: False) -> Any:
        def watched() -> bool:
            moved = retreat()
            seen.append(states(patient, digests))
            return moved

        return wait(self, work, retreat=watched)

    monkeypatch.setattr(Patience, "retry", retry)
    result = make_cells(digests)
    assert (result.made, result.failed, result.blocked) == (tuple(digests), (), {})
    assert seen == [["planned"] * 8] * 3
    assert failures(patient, digests) == [0] * 8


def test_pictures_that_cannot_be_kept_are_held_and_not_drawn_again(
    make_cells: MakeCells,
    patient: Settings,
    digests: list[str],
    fake: Callable[[Draw], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []
    fake(lambda cells: [drawn.append(cell.seed) or picture(cell) for cell in cells])  # type: ignore[func-returns-value]
    monkeypatch.setattr(storage.ingest, "place_blobs", Outage(3, FULL, storage.ingest.place_blobs))
    assert make_cells(digests).made == tuple(digests)
    assert len(drawn) == 8
    assert states(patient, digests) == ["generated"] * 8


def test_what_stays_away_ends_the_run_with_the_reason_and_the_cells_are_planned(
    make_cells: MakeCells,
    settings: Settings,
    digests: list[str],
    fake: Callable[[Draw], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(setup)
    for place in ((storage.ingest, "place_blobs"), (flows.execution.inputs.references, "get_blob")):
        with monkeypatch.context() as m:
            m.setattr(*place, Outage(99, FULL, lambda: None))
            with pytest.raises(UnavailableError, match="No space left") as ended:
                make_cells(digests)
        assert isinstance(ended.value.__cause__, OSError)
        assert states(settings, digests) == ["planned"] * 8
        assert failures(settings, digests) == [0] * 8


def test_cells_drawn_before_the_outage_are_kept_and_only_the_rest_is_drawn_after_it(
    make_cells: MakeCells, patient: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    drawn: list[int] = []

    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        if len(cells) > 4:
            raise MemoryError
        if len(drawn) == 1:
            drawn.append(-1)
            raise FULL
        drawn.append(len(cells))
        return setup(cells)

    fake(draw)
    assert set(make_cells(digests).made) == set(digests)
    assert drawn == [4, -1, 4]


def test_a_cell_that_does_not_fit_the_memory_alone_is_planned_and_the_reason_names_the_worker(
    make_cells: MakeCells, patient: Settings, digests: list[str], fake: Callable[[Draw], None]
) -> None:
    def draw(cells: Sequence[Cell]) -> list[Image.Image]:
        if any(cell.seed == 3 for cell in cells):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return setup(cells)

    fake(draw)
    result = make_cells(digests)
    large = [digests[2], digests[6]]
    assert (result.failed, list(result.blocked)) == ((), large)
    assert set(result.made) == set(digests) - set(large)
    with Resources.open(patient).catalog.read() as s:
        cells = [views.cell(s, digest) for digest in large]
    for cell in cells:
        assert (cell.state, cell.failures) == ("planned", 0)
        assert "64 x 64 pixels does not fit in the memory of this worker" in str(cell.error)


@pytest.mark.slow
def test_what_this_worker_lacks_goes_back_with_the_reason_and_the_others_are_made(
    make_cells: MakeCells,
    settings: Settings,
    digests: list[str],
    fake: Callable[[Draw], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(setup)
    with Resources.open(settings).catalog.read() as s:
        reference = views.cell(s, digests[0]).reference_sha256
    Resources.open(settings).store.delete(blob_key(reference))
    result = make_cells(digests)
    assert (result.made, result.failed, list(result.blocked)) == ((), (), digests)
    assert "is not in the store" in result.blocked[digests[0]]

    def unusable(*_: Any) -> Any:
        raise ValueError("header too large")

    monkeypatch.setattr(Resources, "backbone", unusable)
    result = make_cells(digests)
    assert "the model of profile pocket cannot be loaded on this worker" in result.blocked[digests[0]]
    assert states(settings, digests) == ["planned"] * 8
    assert failures(settings, digests) == [0] * 8


def test_what_the_catalog_does_not_take_back_at_once_it_takes_before_the_next_claim(
    make_cells: MakeCells,
    patient: Settings,
    digests: list[str],
    fake: Callable[[Draw], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake(setup)
    away = sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full")
    monkeypatch.setattr(
        flows.execution.inputs.references, "get_blob", Outage(1, away, flows.execution.inputs.references.get_blob)
    )
    monkeypatch.setattr(writes, "release_cells", Outage(1, away, writes.release_cells))
    assert make_cells(digests).made == tuple(digests)


def test_scoring_waits_too_and_takes_fewer_at_once_where_the_memory_is_short(
    patient: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def score(account: ScoreAccount, *given: Any) -> int:
        ids = given[-1]
        tries.append(len(ids))
        if len(tries) == 1:
            raise FULL
        if len(ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return len(ids)

    monkeypatch.setattr(flows.execution.score_outputs, "_score_together", score)
    given = (ScoreAccount(Resources.open(patient)), "pocket", "clip_i", list(range(8)))
    assert flows.execution.score_outputs.score_outputs.fn(*given) == 8
    assert tries == [8, 8, 4, 2, 2, 4, 2, 2]


class _Denied(Exception):
    """Looks like botocore's ClientError."""

    def __init__(self, status: int, code: str) -> None:
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code}}


def store_error(cause: Exception) -> StoreError:
    error = StoreError("no")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ValueError("no three bears"), "cell"),
        (RuntimeError("shapes do not match"), "cell"),
        (UnidentifiedImageError("cannot identify image file"), "cell"),
        (OSError("image file is truncated"), "cell"),
        (MemoryError(), "memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "memory"),
        (OSError(12, "Cannot allocate memory"), "memory"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "fatal"),
        (FULL, "unavailable"),
        (OSError(5, "Input/output error"), "unavailable"),
        (TimeoutError("timed out"), "unavailable"),
        (PermissionError(13, "Permission denied"), "denied"),
        (FileNotFoundError(2, "No such file or directory"), "worker"),
        (WeightsMissingError("no unet"), "worker"),
        (NotInCatalogError("not done"), "worker"),
        (ImportError("no xformers"), "worker"),
        (StoreError("timed out"), "unavailable"),
        (ChecksumMismatchError("changed on the way"), "unavailable"),
        (ObjectMissingError("blobs/x"), "worker"),
        (store_error(OSError(30, "Read-only file system")), "denied"),
        (store_error(FileNotFoundError(2, "No such file or directory")), "unavailable"),
        (store_error(_Denied(503, "SlowDown")), "unavailable"),
        (store_error(_Denied(403, "ExpiredToken")), "unavailable"),
        (store_error(_Denied(403, "AccessDenied")), "denied"),
        (store_error(_Denied(404, "NoSuchBucket")), "denied"),
        (sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full"), "unavailable"),
        (sqlite_error(sqlite3.SQLITE_READONLY, "attempt to write a readonly database"), "denied"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT, "database disk image is malformed"), "fatal"),
        (ProgrammingError("SELECT", {}, sqlite3.ProgrammingError("no such table")), "fatal"),
        (UnavailableError("out of memory"), "fatal"),
        (httpx.ConnectError("Prefect's server restarts"), "unavailable"),
        (prefect_says(503), "unavailable"),
        (prefect_says(404), "fatal"),
    ],
)
def test_whose_fault_it_is(error: Exception, fault: Fault) -> None:
    assert fault_of(error) == fault


def test_a_refusal_is_waited_for_only_by_who_was_served_before(patient: Settings) -> None:
    patience, denied = Resources.open(patient).patience(), PermissionError(13, "Permission denied")
    with pytest.raises(PermissionError):
        patience.retry(Outage(1, denied, lambda: "served"))
    assert patience.retry(lambda: "served") == "served"
    assert patience.retry(Outage(2, denied, lambda: "served")) == "served"


def test_progress_starts_the_patience_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("flows.patience.time.monotonic", lambda: float(next(now)))
    patience = Patience(3.0)
    monkeypatch.setattr(patience.stop, "wait", lambda _: False)
    assert patience.retry(Outage(20, FULL, lambda: "done"), retreat=lambda: True) == "done"
    with pytest.raises(UnavailableError, match=r"gave up after 3 s: .*No space left"):
        patience.retry(Outage(20, FULL, lambda: "done"))
