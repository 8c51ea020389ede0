"""Blobs: objects whose key is the digest of their bytes, so the same bytes are kept once and damage shows."""

import hashlib

from storage.keys import blob_key
from storage.objects.store import ObjectMissing, ObjectStore, StoreError


class DigestMismatch(StoreError):
    """The stored bytes are not those that were put."""


def put_blob(store: ObjectStore, data: bytes, content_type: str) -> str:
    """Keep `data` and return its address, the SHA-256 in 64 hex digits.

    Bytes that are there are not rewritten, unless they were damaged: then these take their place.
    """
    return place_blob(store, data, content_type)[0]


def place_blob(store: ObjectStore, data: bytes, content_type: str) -> tuple[str, bool]:
    """The same, and whether the bytes were written now; False: they were there before."""
    sha256 = hashlib.sha256(data).hexdigest()
    key = blob_key(sha256)
    if store.put(key, data, content_type=content_type, sha256=sha256):
        return sha256, True
    try:
        if store.get(key) == data:
            return sha256, False
    except ObjectMissing:  # deleted in between
        pass
    store.delete(key)
    return sha256, store.put(key, data, content_type=content_type, sha256=sha256)


def get_blob(store: ObjectStore, sha256: str) -> bytes:
    """The bytes whose SHA-256 is `sha256`. Raises ObjectMissing, or DigestMismatch if the store returns other bytes."""
    data = store.get(blob_key(sha256))
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DigestMismatch(
            f"blob {sha256} holds {len(data)} bytes with SHA-256 {found}: it was damaged or changed in the store; "
            "delete that object and make it again, or restore it from a backup"
        )
    return data
