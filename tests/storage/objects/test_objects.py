"""The contract of ObjectStore, held by every store."""

import hashlib
import os
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.keys import InvalidKeyError, blob_key
from storage.objects import (
    ChecksumMismatchError,
    DigestMismatchError,
    DiskStore,
    ObjectMissingError,
    ObjectStore,
    Put,
    StoreError,
    get_blob,
    open_store,
    save_blob,
)
from storage.objects.multipart import LARGE
from storage.objects.s3 import S3Store
from storage.objects.store import PIECE, InPieces
from tests.storage.blobs import put_blob


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "disk":
        return open_store(str(tmp_path / "objects"))
    request.getfixturevalue("s3")
    # A prefix of its own, so that each test has an empty store.
    return open_store(f"s3://pictures/{hashlib.sha256(str(tmp_path).encode()).hexdigest()}")


def put(store: ObjectStore, key: str, data: bytes, sha256: str | None = None) -> bool:
    return store.put(key, data, content_type="image/png", sha256=sha256)


def test_what_was_put_is_got(store: ObjectStore) -> None:
    assert put(store, "a/b", b"one")
    assert store.exists("a/b")
    assert store.get("a/b") == b"one"


def test_empty_and_large_objects(store: ObjectStore) -> None:
    large = bytes(range(256)) * 80_000  # 20 MB
    assert len(large) > LARGE  # in parts
    assert put(store, "empty", b"")
    assert put(store, "large", large, sha256=hashlib.sha256(large).hexdigest())
    assert not put(store, "large", large[::-1])
    assert store.get("empty") == b""
    assert store.get("large") == large
    assert isinstance(store, InPieces)
    pieces = list(store.pieces("large"))
    assert b"".join(pieces) == large
    assert max(map(len, pieces)) <= PIECE < len(large)
    assert b"".join(store.pieces("empty")) == b""


def test_a_taken_key_keeps_its_bytes(store: ObjectStore) -> None:
    assert put(store, "a", b"first")
    assert not put(store, "a", b"second")
    assert store.get("a") == b"first"


def test_what_is_missing_says_so(store: ObjectStore) -> None:
    assert not store.exists("a/b")
    with pytest.raises(ObjectMissingError, match="object a/b is not in the store") as caught:
        store.get("a/b")
    assert caught.value.key == "a/b"


def test_a_keys_folder_is_no_object(store: ObjectStore) -> None:
    put(store, "a/b", b"one")
    assert not store.exists("a")
    with pytest.raises(ObjectMissingError):
        store.get("a")


def test_a_deleted_key_is_free_and_deleting_twice_is_fine(store: ObjectStore) -> None:
    put(store, "a/b", b"one")
    store.delete("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert put(store, "a/b", b"two")
    assert store.get("a/b") == b"two"


@pytest.mark.slow
def test_of_a_thousand_puts_at_once_one_wins_and_its_bytes_stay(store: ObjectStore) -> None:
    payloads = [b"%05d" % i * 200 for i in range(1000)]
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda data: put(store, "same/key", data), payloads))
    assert sum(won) == 1
    assert store.get("same/key") == payloads[won.index(True)]
    assert [found.key for found in store.walk()] == ["same/key"]


def test_of_large_puts_at_once_one_wins_and_its_bytes_stay(store: ObjectStore) -> None:
    payloads = [bytes([i]) * (LARGE + 1) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda data: put(store, "large", data), payloads))
    assert sum(won) == 1
    assert store.get("large") == payloads[won.index(True)]


def test_size_and_age_are_told_without_the_bytes(store: ObjectStore) -> None:
    put(store, "a/b", b"0123456789")
    found = store.stat("a/b")
    assert (found.key, found.size) == ("a/b", 10)
    assert abs((datetime.now(UTC) - found.modified).total_seconds()) < 60
    for missing in ("a", "b"):
        with pytest.raises(ObjectMissingError):
            store.stat(missing)


def test_every_object_is_walked_over_once(store: ObjectStore) -> None:
    assert list(store.walk()) == []
    sizes = {f"{folder}/{i}": i for folder in ("a", "a/b", "ab") for i in range(5)}
    for key, size in sizes.items():
        put(store, key, b"x" * size)
    assert {found.key: found.size for found in store.walk()} == sizes
    assert {found.key for found in store.walk("a/b")} == {f"a/b/{i}" for i in range(5)}
    assert ("a/3", 3) in [(found.key, found.size) for found in store.walk("a")]
    with pytest.raises(InvalidKeyError):
        list(store.walk("../a"))


def test_bytes_that_are_not_those_announced_are_refused(store: ObjectStore) -> None:
    right = hashlib.sha256(b"one").hexdigest()
    with pytest.raises(ChecksumMismatchError, match="object a"):
        put(store, "a", b"onE", sha256=right)
    assert not store.exists("a")
    assert put(store, "a", b"one", sha256=right)


def test_several_are_put_as_each_alone_would_be(store: ObjectStore) -> None:
    assert store.put_all([]) == []
    put(store, "a/there", b"old")
    pairs = [("a/new", b"1"), ("a/there", b"new"), ("b/c/new", b"2"), ("a/new", b"again")]
    assert store.put_all([Put(key, data, "image/png") for key, data in pairs]) == [True, False, True, False]
    assert [store.get(key) for key in ("a/new", "a/there", "b/c/new")] == [b"1", b"old", b"2"]
    wrong = Put("d/wrong", b"2", "image/png", sha256=hashlib.sha256(b"3").hexdigest())
    with pytest.raises(ChecksumMismatchError):
        store.put_all([wrong])
    with pytest.raises(InvalidKeyError):
        store.put_all([Put("../out", b"3", "image/png")])
    assert sorted(one.key for one in store.walk()) == ["a/new", "a/there", "b/c/new"]


def test_a_store_that_can_be_used_says_so_and_keeps_nothing_of_the_trial(store: ObjectStore) -> None:
    words = store.check()
    assert list(store.walk()) == []
    if "DREAMTUNER_TEST_S3" not in os.environ:  # another server may lack something, and says so
        assert list(words) == []
    assert put(store, "a", b"x")


@pytest.mark.parametrize("seconds", [0, -1, 604_801])
def test_a_url_lives_for_a_sensible_time(store: ObjectStore, seconds: int) -> None:
    with pytest.raises(StoreError, match=f"seconds {seconds} of a URL"):
        store.url("a", seconds=seconds)


@pytest.mark.parametrize(
    "key", ["../outside", "/etc/passwd", "a/../../b", "", "a\0", "ü", "ａ", "a//b", ".incoming/x", "a\n", "~"]
)
def test_hostile_keys_reach_nothing(store: ObjectStore, key: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: put(store, key, b"x"),
        lambda: store.get(key),
        lambda: store.exists(key),
        lambda: store.delete(key),
        lambda: store.url(key),
        lambda: store.stat(key),
    ]
    for call in calls:
        with pytest.raises(InvalidKeyError):
            call()


def test_the_url_serves_the_bytes(store: ObjectStore) -> None:
    put(store, "a/b", b"one")
    with urllib.request.urlopen(store.url("a/b"), timeout=10) as response:
        assert response.read() == b"one"


def test_a_blob_is_found_by_its_digest_and_kept_once(store: ObjectStore, tmp_path: Path) -> None:
    digest = put_blob(store, b"picture", "image/png")
    assert digest == hashlib.sha256(b"picture").hexdigest()
    assert put_blob(store, b"picture", "image/png") == digest
    assert get_blob(store, digest) == b"picture"
    save_blob(store, digest, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"picture"
    assert store.exists(blob_key(digest))


def test_a_damaged_blob_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"picture").hexdigest()
    put(store, blob_key(digest), b"picturE")
    with pytest.raises(DigestMismatchError, match=f"blob {digest} holds 7 bytes"):
        get_blob(store, digest)
    with pytest.raises(DigestMismatchError, match=f"blob {digest} holds 7 bytes"):
        save_blob(store, digest, tmp_path / "file")


def test_a_missing_blob_is_missing(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissingError):
        get_blob(store, "0" * 64)
    with pytest.raises(ObjectMissingError):
        save_blob(store, "0" * 64, tmp_path / "file")


def test_an_address_says_which_store(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path)), DiskStore)
    assert isinstance(open_store(tmp_path.as_uri()), DiskStore)
    for wrong in ("", "gs://bucket", "s3://", "s3://UPPER/x"):
        with pytest.raises(StoreError, match=r"s3://bucket"):
            open_store(wrong)


def test_a_bucket_url_gives_bucket_and_prefix(s3: object) -> None:
    store = open_store("s3://pictures/a/b/")
    assert isinstance(store, S3Store)
    assert (store.bucket, store.prefix) == ("pictures", "a/b/")
    with pytest.raises(InvalidKeyError):
        open_store("s3://pictures/../x")
