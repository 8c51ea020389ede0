"""The protocol of object stores and its errors. tests/storage/objects/test_objects.py is the full contract."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

Data = bytes | memoryview
"""Bytes of an object: in memory, or a view of a file that is mapped, which is read as it is sent."""
PIECE = 8 * 1024 * 1024  # bytes of a piece of a large object
URL_SECONDS = 300  # default lifetime of a presigned URL


class StoreError(Exception):
    """The store failed; the message includes the remedy."""


class ObjectMissingError(StoreError, LookupError):
    """No object has that key."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"object {key} is not in the store; it was never stored, or it was deleted outside the catalog"
        )
        self.key = key


class ChecksumMismatchError(StoreError):
    """The bytes do not match their checksum; nothing was stored."""


@dataclass(frozen=True)
class ObjectStat:
    """An object without its bytes: `size` in bytes, `modified` when it was put (aware, UTC)."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Put:
    """An object to store, with the arguments of ObjectStore.put."""

    key: str
    data: Data
    content_type: str
    sha256: str | None = None


class ObjectStore(Protocol):
    """Bytes under keys. An object is written whole or not at all and is never changed, only deleted.

    Every method takes a key of storage.keys and raises InvalidKeyError for any other, before anything is touched. All
    are safe to call from several threads and processes at once. Failures of the store itself raise StoreError.
    """

    @property
    def writers(self) -> int:
        """How many threads of a process should put concurrently."""

    def put(self, key: str, data: Data, *, content_type: str, sha256: str | None = None) -> bool:
        """Store `data` under `key` unless the key exists; return whether this call wrote it.

        In either case the object is durable. Of several puts of one key exactly one returns True, and its
        bytes are stored. `content_type` (MIME) is for clients of the URL; a folder on disk does not store it. With
        `sha256` (64 hex digits), raises ChecksumMismatchError for other bytes.
        """

    def put_all(self, objects: Sequence[Put]) -> list[bool]:
        """Put each of them, in this order, faster than one by one on a disk.

        Of objects with the same key the first is stored. After an error some may be stored, each completely.
        """

    def get(self, key: str) -> bytes:
        """Read the bytes under `key`. Raises ObjectMissingError."""

    def exists(self, key: str) -> bool:
        """Return whether `key` exists."""

    def stat(self, key: str) -> ObjectStat:
        """Return the object's size and modification time. Raises ObjectMissingError."""

    def walk(self, prefix: str = "") -> Iterator[ObjectStat]:
        """Yield every object below `prefix` ("" or "a/b"), unordered. For verification; otherwise query the catalog.

        Objects added or deleted meanwhile may or may not be included.
        """

    def delete(self, key: str) -> None:
        """Delete `key`; does nothing if it does not exist."""

    def url(self, key: str, *, seconds: int = URL_SECONDS) -> str:
        """Return a URL of the object for this machine (file://) or a browser (presigned, valid for `seconds`)."""

    def check(self) -> Sequence[str]:
        """Probe that the store is usable, and clean up after killed processes.

        Returns human-readable descriptions of missing guarantees and the fallback used for each. Raises StoreError if
        the store is unusable.
        """


@runtime_checkable
class InPieces(Protocol):
    """A store that can hand out large objects piece by piece."""

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the bytes under `key` in order, some megabytes at a time. Raises ObjectMissingError."""


def check_seconds(seconds: int) -> None:
    """Raise StoreError for an invalid lifetime of a presigned URL."""
    if not 1 <= seconds <= 604_800:
        raise StoreError(f"seconds {seconds} of a URL: use 1 to 604800, a week; the shorter the better")
