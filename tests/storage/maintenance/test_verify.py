from pathlib import Path

import pytest

from storage.catalog import Catalog, writes
from storage.ingest import storing
from storage.keys import blob_key, sha256_of_key
from storage.maintenance.verify import Finding, VerifyCounts, verify
from storage.objects import DiskStore
from tests.storage.blobs import put_blob

PNG = "image/png"


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "objects")


def audit(catalog: Catalog, store: DiskStore, *, read_bytes: bool = True) -> tuple[VerifyCounts, dict[str, Finding]]:
    found: list[Finding] = []
    looked = verify(catalog, store, found.append, read_bytes=read_bytes, settle_seconds=0)
    assert len({one.what for one in found}) == len(found)
    return looked, {one.what: one for one in found}


def test_what_agrees_is_told_by_counts_alone(catalog: Catalog, store: DiskStore) -> None:
    assert audit(catalog, store) == (VerifyCounts(0, 0, 0), {})
    with storing(catalog, store, (b"one", PNG), (b"three", PNG)):
        pass
    assert audit(catalog, store) == (VerifyCounts(2, 2, 8), {})
    assert audit(catalog, store, read_bytes=False) == (VerifyCounts(2, 2, 0), {})


def test_each_thing_that_is_wrong_is_named_with_what_to_do(catalog: Catalog, store: DiskStore) -> None:
    with storing(catalog, store, *((name, PNG) for name in (b"gone", b"changed", b"cut", b"fine"))) as (_, digests):
        gone, changed, cut, _ = digests
    store.delete(blob_key(gone))
    for sha256, data in ((changed, b"CHANGED"), (cut, b"c")):
        store.delete(blob_key(sha256))
        store.put(blob_key(sha256), data, content_type=PNG)
    orphan = put_blob(store, b"orphan", PNG)
    store.put("blobs/readme.txt", b"?", content_type="text/plain")
    _, found = audit(catalog, store)
    kinds = {what: one.kind for what, one in found.items()}
    assert kinds == {
        gone: "missing",
        changed: "damaged",
        cut: "damaged",
        orphan: "unrecorded",
        "blobs/readme.txt": "misplaced",
    }
    assert "dreamtuner gc" in found[gone].detail
    assert "1 bytes are in the store instead of 3" in found[cut].detail
    _, quick = audit(catalog, store, read_bytes=False)
    assert set(found) - set(quick) == {changed}


def test_a_lost_contact_sheet_is_not_said_to_come_back_with_a_run(catalog: Catalog, store: DiskStore) -> None:
    with storing(catalog, store, (b"sheet", PNG)) as (s, [sheet]):
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
        writes.set_sheet(s, run, sheet)
    store.delete(blob_key(sheet))
    _, found = audit(catalog, store)
    assert f"the contact sheet of run {run}: restore a backup" in found[sheet].detail
    assert "--check" not in found[sheet].detail


def test_only_a_blobs_key_gives_a_digest() -> None:
    sha256 = "ab" * 32
    assert sha256_of_key(blob_key(sha256)) == sha256
    for key in ("", "blobs/readme.txt", sha256, f"blobs/sha256/{sha256}", f"blobs/sha256/00/00/{sha256}"):
        assert sha256_of_key(key) is None


def test_what_a_run_is_about_to_record_is_waited_for(
    catalog: Catalog, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_blob(store, b"one", PNG)

    def sleep(seconds: float) -> None:
        with storing(catalog, store, (b"one", PNG)):
            assert seconds == 7

    monkeypatch.setattr("storage.maintenance.verify.time.sleep", sleep)
    found: list[Finding] = []
    assert verify(catalog, store, found.append, settle_seconds=7).objects == 1
    assert found == []
