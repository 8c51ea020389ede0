from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from storage.catalog import Catalog, garbage
from storage.ingest import storing
from storage.keys import blob_key
from storage.objects import DiskStore

PNG = "image/png"


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "objects")


def recorded(catalog: Catalog) -> list[str]:
    with catalog.read() as s:
        return [sha256 for sha256, _, _ in garbage.blobs(s)]


def test_bytes_are_in_the_store_before_the_transaction_and_their_rows_in_it(catalog: Catalog, store: DiskStore) -> None:
    with storing(catalog, store, (b"one", PNG), (b"two", PNG)) as (s, digests):
        assert [store.get(blob_key(sha256)) for sha256 in digests] == [b"one", b"two"]
        assert garbage.known(s, digests) == set(digests)
        assert recorded(catalog) == []
    assert recorded(catalog) == sorted(digests)


def test_what_fails_inside_leaves_no_row(catalog: Catalog, store: DiskStore) -> None:
    with pytest.raises(RuntimeError, match="no"), storing(catalog, store, (b"one", PNG)):
        raise RuntimeError("no")
    assert recorded(catalog) == []


@pytest.mark.parametrize("rounds", [1, 2])
def test_bytes_that_a_collector_took_in_between_are_put_again(
    catalog: Catalog, store: DiskStore, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    """The collector deletes just after the put found the bytes there, before they are recorded."""
    for _ in range(rounds):
        with storing(catalog, store, (b"one", PNG)) as (_, [sha256]):
            pass
    import storage.ingest

    record = storage.ingest.record_blobs

    def late(s: Session, blobs: Sequence[tuple[str, int, str]]) -> None:
        store.delete(blob_key(sha256))
        record(s, blobs)

    monkeypatch.setattr(storage.ingest, "record_blobs", late)
    with storing(catalog, store, (b"one", PNG)):
        assert store.get(blob_key(sha256)) == b"one"


def test_a_writer_that_was_slow_looks_again_too(
    catalog: Catalog, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import storage.ingest

    record = storage.ingest.record_blobs

    def late(s: Session, blobs: Sequence[tuple[str, int, str]]) -> None:
        store.delete(blob_key(blobs[0][0]))
        record(s, blobs)

    monkeypatch.setattr(storage.ingest, "record_blobs", late)
    monkeypatch.setattr(storage.ingest, "SURE_SECONDS", -1.0)
    with storing(catalog, store, (b"new", PNG)) as (_, [sha256]):
        assert store.get(blob_key(sha256)) == b"new"
