"""What every object store does, and how it fails. tests/storage/objects/test_objects.py is the contract in full."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

URL_SECONDS = 300  # how long a presigned URL is good unless asked otherwise


class StoreError(Exception):
    """The store cannot do what was asked; the message says what to change."""


class ObjectMissingError(StoreError, LookupError):
    """No object has that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"object {key} is not in the store; it was never put, or it was deleted outside the catalog")
        self.key = key


class ChecksumMismatchError(StoreError):
    """The bytes are not those that were announced; nothing was kept."""


@dataclass(frozen=True)
class ObjectStat:
    """An object without its bytes: `size` in bytes, `modified` when it was put (aware, UTC)."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Put:
    """An object to be kept, as ObjectStore.put takes it."""

    key: str
    data: bytes
    content_type: str
    sha256: str | None = None


class ObjectStore(Protocol):
    """Bytes under keys. An object is written whole or not at all and is never changed, only deleted.

    Every method takes a key of storage.keys and raises InvalidKeyError for any other, before anything is touched. All
    are safe to call from several threads and processes at once. Failures of the store itself raise StoreError.
    """

    @property
    def writers(self) -> int:
        """From how many threads of a process to put at once: more would only be in each other's way."""

    def put(self, key: str, data: bytes, *, content_type: str, sha256: str | None = None) -> bool:
        """Keep `data` under `key` unless the key is taken; True if this call wrote it.

        Whatever is returned, the object is durable then. Of several puts of one key exactly one returns True, and its
        bytes stay. `content_type` (MIME) is for whoever fetches the URL; a folder on disk does not keep it. With
        `sha256` (64 hex digits) other bytes than these raise ChecksumMismatchError.
        """

    def put_all(self, objects: Sequence[Put]) -> list[bool]:
        """`put` each of them, in this order, in less time where a disk has to be waited for.

        Of objects whose keys are the same the first counts. After an error some may be there, each of them whole.
        """

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises ObjectMissingError."""

    def exists(self, key: str) -> bool:
        """Whether `key` is taken."""

    def stat(self, key: str) -> ObjectStat:
        """The object's size and age. Raises ObjectMissingError."""

    def walk(self, prefix: str = "") -> Iterator[ObjectStat]:
        """Every object below `prefix` ("" or "a/b"), in no order. For audits: the catalog answers all other questions.

        An object that comes or goes meanwhile may be in it or not.
        """

    def delete(self, key: str) -> None:
        """Free `key`; nothing happens if it is free."""

    def url(self, key: str, *, seconds: int = URL_SECONDS) -> str:
        """Where a reader on this machine (file://) or a browser (presigned, for `seconds`) fetches the object."""

    def check(self) -> Sequence[str]:
        """Make sure, by trying, that the store can be used, and tidy up what earlier processes left half-done.

        Returns in words what this store cannot guarantee and what is done instead; StoreError if that is too little.
        """


def check_seconds(seconds: int) -> None:
    """StoreError for a lifetime that no signature can have."""
    if not 1 <= seconds <= 604_800:
        raise StoreError(f"seconds {seconds} of a URL: use 1 to 604800, a week; the shorter the better")
