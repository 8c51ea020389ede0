"""Blobs: content-addressed objects, so that equal bytes are stored once and damage is detected."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from storage.keys import blob_key
from storage.objects.store import Data, InPieces, ObjectMissingError, ObjectStore, Put, StoreError

Piece = tuple[Data, str]
"""Bytes and their MIME type."""


class DigestMismatchError(StoreError):
    """The stored bytes are not those that were put."""


def place_blobs(store: ObjectStore, pieces: Sequence[Piece]) -> list[tuple[str, bool]]:
    """Store each piece and return its SHA-256 in 64 hex digits, and whether it was written now.

    Existing blobs are not rewritten, unless they are damaged: then they are replaced.
    """
    puts = []
    for data, content_type in pieces:
        sha256 = hashlib.sha256(data).hexdigest()
        puts.append(Put(blob_key(sha256), data, content_type, sha256))
    written = store.put_all(puts)
    return [(str(one.sha256), new or _mended(store, one)) for one, new in zip(puts, written, strict=True)]


def _mended(store: ObjectStore, blob: Put) -> bool:
    """Rewrite the blob if it is damaged or was just deleted; return whether it was rewritten."""
    try:
        if store.get(blob.key) == blob.data:
            return False
    except ObjectMissingError:
        pass
    store.delete(blob.key)
    return store.put_all([blob])[0]


def get_blob(store: ObjectStore, sha256: str) -> bytes:
    """Read the blob `sha256`. Raises ObjectMissingError, or DigestMismatchError if the store returns other bytes."""
    data = store.get(blob_key(sha256))
    _demand_digest(sha256, hashlib.sha256(data).hexdigest(), len(data))
    return data


def save_blob(store: ObjectStore, sha256: str, file: Path) -> None:
    """Write the blob `sha256` to a file, without a copy in memory if the store can; raises what `get_blob` raises.

    After an error the file may hold a part of it.
    """
    key = blob_key(sha256)
    digest, size = hashlib.sha256(), 0
    with file.open("wb") as opened:
        for piece in store.pieces(key) if isinstance(store, InPieces) else (store.get(key),):
            digest.update(piece)
            size += opened.write(piece)
    _demand_digest(sha256, digest.hexdigest(), size)


def _demand_digest(sha256: str, found: str, size: int) -> None:
    if found != sha256:
        raise DigestMismatchError(
            f"blob {sha256} holds {size} bytes with SHA-256 {found}: it was damaged or changed in the store; "
            "delete that object and regenerate it, or restore it from a backup"
        )
