"""The contract of ObjectStore, held by every store."""

import hashlib
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.keys import InvalidKey, blob_key
from storage.objects import (
    DigestMismatch,
    DiskStore,
    ObjectMissing,
    ObjectStore,
    S3Store,
    StoreError,
    get_blob,
    open_store,
    put_blob,
)


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "disk":
        return open_store(str(tmp_path / "objects"))
    request.getfixturevalue("s3")
    # A prefix of its own, so that each test has an empty store.
    return open_store(f"s3://pictures/{hashlib.sha256(str(tmp_path).encode()).hexdigest()}")


def put(store: ObjectStore, key: str, data: bytes) -> bool:
    return store.put(key, data, content_type="image/png")


def test_what_was_put_is_got(store: ObjectStore) -> None:
    assert put(store, "a/b", b"one")
    assert store.exists("a/b")
    assert store.get("a/b") == b"one"


def test_empty_and_large_objects(store: ObjectStore) -> None:
    large = bytes(range(256)) * 80_000  # 20 MB
    assert put(store, "empty", b"")
    assert put(store, "large", large)
    assert store.get("empty") == b""
    assert store.get("large") == large


def test_a_taken_key_keeps_its_bytes(store: ObjectStore) -> None:
    assert put(store, "a", b"first")
    assert not put(store, "a", b"second")
    assert store.get("a") == b"first"


def test_what_is_missing_says_so(store: ObjectStore) -> None:
    assert not store.exists("a/b")
    with pytest.raises(ObjectMissing, match="object a/b is not in the store") as caught:
        store.get("a/b")
    assert caught.value.key == "a/b"


def test_a_keys_folder_is_no_object(store: ObjectStore) -> None:
    put(store, "a/b", b"one")
    assert not store.exists("a")
    with pytest.raises(ObjectMissing):
        store.get("a")


def test_a_deleted_key_is_free_and_deleting_twice_is_fine(store: ObjectStore) -> None:
    put(store, "a/b", b"one")
    store.delete("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert put(store, "a/b", b"two")
    assert store.get("a/b") == b"two"


def test_of_many_puts_at_once_one_wins_and_its_bytes_stay(store: ObjectStore) -> None:
    payloads = [bytes([i]) * 5_000 for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda data: put(store, "same/key", data), payloads))
    assert sum(won) == 1
    assert store.get("same/key") == payloads[won.index(True)]


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../b", "", "a\0", "ü", "a//b", ".incoming/x"])
def test_hostile_keys_reach_nothing(store: ObjectStore, key: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: put(store, key, b"x"),
        lambda: store.get(key),
        lambda: store.exists(key),
        lambda: store.delete(key),
        lambda: store.url(key),
    ]
    for call in calls:
        with pytest.raises(InvalidKey):
            call()


def test_the_url_serves_the_bytes(store: ObjectStore) -> None:
    put(store, "a/b", b"one")
    with urllib.request.urlopen(store.url("a/b"), timeout=10) as response:
        assert response.read() == b"one"


def test_a_blob_is_found_by_its_digest_and_kept_once(store: ObjectStore) -> None:
    digest = put_blob(store, b"picture", "image/png")
    assert digest == hashlib.sha256(b"picture").hexdigest()
    assert put_blob(store, b"picture", "image/png") == digest
    assert get_blob(store, digest) == b"picture"
    assert store.exists(blob_key(digest))


def test_a_damaged_blob_is_refused(store: ObjectStore) -> None:
    digest = hashlib.sha256(b"picture").hexdigest()
    put(store, blob_key(digest), b"picturE")
    with pytest.raises(DigestMismatch, match=f"blob {digest} holds 7 bytes"):
        get_blob(store, digest)


def test_a_missing_blob_is_missing(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        get_blob(store, "0" * 64)


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
    with pytest.raises(InvalidKey):
        open_store("s3://pictures/../x")
