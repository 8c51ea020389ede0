import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from storage.catalog import Catalog, garbage, views, writes
from storage.catalog.database.base import Base, now
from storage.catalog.schema import Upload
from storage.ingest import storing
from storage.keys import blob_key
from storage.maintenance.gc import YOUNG_SECONDS, collect
from storage.maintenance.verify import Finding, verify
from storage.objects import DiskStore, StoreError, get_blob
from tests.storage.blobs import put_blob

PNG = "image/png"


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "objects")


@pytest.fixture
def used(catalog: Catalog, store: DiskStore) -> dict[str, str]:
    """One blob for each way of being referred to: reference, mask, checkpoint, layouts, output, contact sheet."""
    layouts = ("pose", "depth", "reference_pose", "reference_depth")
    names = ("reference", "mask", "checkpoint", *layouts, "output", "sheet")
    with storing(catalog, store, *((name.encode(), PNG) for name in names)) as (s, digests):
        sha256 = dict(zip(names, digests, strict=True))
        subject = writes.add_subject(s, name="pip", class_word="bear", style="natural")
        reference = writes.add_reference(
            s, subject_id=subject, image_sha256=sha256["reference"], width=8, height=8, source="x", caption=None
        )
        mask = writes.add_mask(
            s, reference_id=reference, mask_sha256=sha256["mask"], method="user", confidence=1.0, doubtful=False
        )
        profile = writes.add_profile(s, name="pocket", weights_digest="w")
        fields: dict[str, Any] = {"reference_id": reference, "mask_id": mask, "profile_id": profile}
        point = writes.add_checkpoint(s, **fields, weights_sha256=sha256["checkpoint"], settings={})
        run = writes.start_run(s, name="trip", spec={}, flow_run_id=None)
        cell: dict[str, Any] = {"digest": "d" * 64, "subject_id": subject, "checkpoint_id": point, "seed": 1}
        from storage.catalog.records import CellRecord

        record = CellRecord(**cell, **fields, prompt="a bear", **{one: sha256[one] for one in layouts}, settings={})
        writes.plan_cells(s, run, [record])
        writes.claim_cells(s, ["d" * 64], "me", 60)
        writes.finish_cell(s, "d" * 64, owner="me", image_sha256=sha256["output"], width=8, height=8, run_id=run)
        writes.set_sheet(s, run, sha256["sheet"])
    return sha256


def unused(catalog: Catalog, store: DiskStore, *names: str) -> list[str]:
    with storing(catalog, store, *((name.encode(), PNG) for name in names)) as (_, digests):
        return list(digests)


def age(store: DiskStore, *digests: str) -> None:
    long_ago = time.time() - 2 * YOUNG_SECONDS
    for sha256 in digests:
        os.utime(store.root / blob_key(sha256), (long_ago, long_ago))


def wrong(catalog: Catalog, store: DiskStore) -> list[tuple[str, str]]:
    found: list[Finding] = []
    verify(catalog, store, found.append, settle_seconds=0)
    return [(one.kind, one.what) for one in found]


def test_every_column_that_names_a_blob_is_known_to_the_collector() -> None:
    columns = {
        (key.parent.table.name, key.parent.name)
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "blobs" and key.ondelete != "CASCADE"  # such a row goes with the blob
    }
    known = {(column.class_.__tablename__, column.key) for column in garbage.REFERENCING}
    assert known == columns | {("cells", "pose")}


def test_what_a_row_refers_to_stays_and_the_rest_goes_after_the_grace_period(
    catalog: Catalog, store: DiskStore, used: dict[str, str]
) -> None:
    rubbish = unused(catalog, store, "a", "b")
    first = collect(catalog, store, grace_seconds=3600)
    assert (first.marked, first.deleted, first.waiting) == (2, 0, 2)
    assert collect(catalog, store, grace_seconds=3600) == replace(first, marked=0)
    last = collect(catalog, store, grace_seconds=0)
    assert (last.deleted, last.freed, last.waiting) == (2, 2, 0)
    assert not any(store.exists(blob_key(sha256)) for sha256 in rubbish)
    assert [get_blob(store, sha256).decode() for sha256 in used.values()] == list(used)
    assert wrong(catalog, store) == []


def test_an_upload_is_spared_until_it_expires(catalog: Catalog, store: DiskStore) -> None:
    (sha256,) = unused(catalog, store, "an upload")
    with catalog.write() as s:
        user = writes.add_user(s, name="ann", role="operator", actor="setup")
        about: dict[str, Any] = {"content_type": PNG, "size": 9, "width": 1, "height": 1}
        writes.add_upload(s, user_id=user, sha256=sha256, **about)
    found = collect(catalog, store, grace_seconds=0)
    assert (found.marked, found.deleted, found.waiting) == (0, 0, 0)
    assert store.exists(blob_key(sha256))
    with catalog.write() as s:
        s.execute(update(Upload).values(expires_at=now()))
    assert collect(catalog, store, grace_seconds=0).deleted == 1
    assert not store.exists(blob_key(sha256))


def test_who_puts_marked_bytes_again_takes_them_off_the_list(catalog: Catalog, store: DiskStore) -> None:
    again, gone = unused(catalog, store, "again", "gone")
    assert collect(catalog, store, grace_seconds=3600).marked == 2
    unused(catalog, store, "again")
    with catalog.read() as s:
        assert [sha256 for sha256, _ in garbage.due(s, 0)] == [gone]
    assert store.exists(blob_key(again))


def test_objects_without_a_row_are_taken_in_and_collected_once_they_are_old(
    catalog: Catalog, store: DiskStore, used: dict[str, str]
) -> None:
    old, young = put_blob(store, b"old", PNG), put_blob(store, b"young", PNG)
    age(store, old, *used.values())
    assert wrong(catalog, store) == [("unrecorded", one) for one in sorted((old, young))]
    found = collect(catalog, store, grace_seconds=0)
    assert (found.adopted, found.deleted, found.freed) == (1, 1, 3)
    assert (store.exists(blob_key(old)), store.exists(blob_key(young))) == (False, True)


def test_a_dry_run_says_the_same_and_does_nothing(catalog: Catalog, store: DiskStore, used: dict[str, str]) -> None:
    (rubbish,) = unused(catalog, store, "a")
    orphan = put_blob(store, b"orphan", PNG)
    age(store, orphan)
    found = collect(catalog, store, grace_seconds=0, dry_run=True)
    assert (found.adopted, found.marked, found.deleted, found.waiting) == (1, 1, 0, 2)
    collect(catalog, store, grace_seconds=3600)
    found = collect(catalog, store, grace_seconds=0, dry_run=True)
    assert (found.adopted, found.marked, found.deleted, found.freed) == (0, 0, 2, 7)
    assert store.exists(blob_key(rubbish))
    assert store.exists(blob_key(orphan))


def test_waiting_for_the_grace_period_looks_again_after_it(catalog: Catalog, store: DiskStore) -> None:
    wanted, rubbish = unused(catalog, store, "wanted", "rubbish")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(0.3)
        unused(catalog, store, "wanted")

    assert collect(catalog, store, grace_seconds=0.2, wait=True, sleep=sleep).deleted == 1
    assert slept == [0.2]
    assert (store.exists(blob_key(wanted)), store.exists(blob_key(rubbish))) == (True, False)


def test_a_store_that_fails_leaves_the_row_for_the_next_time(
    catalog: Catalog, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rubbish,) = unused(catalog, store, "a")

    def fails(key: str) -> None:
        raise StoreError("the bucket is away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", fails)
        with pytest.raises(StoreError, match="away"):
            collect(catalog, store, grace_seconds=0)
    assert wrong(catalog, store) == []
    assert collect(catalog, store, grace_seconds=0).deleted == 1
    assert not store.exists(blob_key(rubbish))


def test_a_writer_at_the_same_moment_never_loses_what_it_refers_to(
    catalog: Catalog, store: DiskStore, used: dict[str, str]
) -> None:
    """Bytes come and go as garbage while a collector without any grace runs all the time."""
    stop, failures = threading.Event(), list[BaseException]()

    def collecting() -> None:
        try:
            while not stop.is_set():
                collect(catalog, store, grace_seconds=0)
        except BaseException as error:
            failures.append(error)

    collectors = [threading.Thread(target=collecting) for _ in range(2)]
    for thread in collectors:
        thread.start()
    kept = []
    try:
        with catalog.read() as s:
            subject = views.subject_assets(s, "pip").subject_id
        for i in range(60):
            data = b"%d" % (i % 6)  # the same bytes again and again, now referred to, now not
            fields: dict[str, Any] = {"width": 8, "height": 8, "source": "x", "caption": None}
            with storing(catalog, store, (data, PNG)) as (s, [sha256]):
                if i >= 54:
                    writes.add_reference(s, subject_id=subject, image_sha256=sha256, **fields)
                    kept.append(sha256)
    finally:
        stop.set()
        for thread in collectors:
            thread.join()
    assert failures == []
    assert all(store.exists(blob_key(sha256)) for sha256 in kept)
    assert wrong(catalog, store) == []


def test_what_killed_writers_left_half_written_goes_once_it_is_a_day_old(catalog: Catalog, store: DiskStore) -> None:
    store.check()
    old, new = (store.root / ".incoming" / name for name in ("0" * 32, "1" * 32))
    for path in (old, new):
        path.write_bytes(b"half a pict")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    collect(catalog, store, dry_run=True)
    assert old.exists()
    collect(catalog, store)
    assert (old.exists(), new.exists()) == (False, True)
