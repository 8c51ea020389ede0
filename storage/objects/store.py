"""What every object store does, and how it fails. tests/storage/test_objects.py is the contract in full."""

from typing import Protocol


class StoreError(Exception):
    """The store cannot do what was asked; the message says what to change."""


class ObjectMissing(StoreError, LookupError):
    """No object has that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"object {key} is not in the store; it was never put, or it was deleted outside the catalog")
        self.key = key


class ObjectStore(Protocol):
    """Bytes under keys. An object is written whole or not at all and is never changed, only deleted.

    Every method takes a key of storage.keys and raises InvalidKey for any other, before anything is touched. All may be
    called from several threads and processes at once.
    """

    def put(self, key: str, data: bytes, *, content_type: str) -> bool:
        """Keep `data` under `key` unless the key is taken; True if this call wrote it.

        Whatever is returned, the object is durable then. Of several puts of one key exactly one returns True, and its
        bytes stay. `content_type` (MIME) is for whoever fetches the URL; a folder on disk does not keep it.
        """

    def get(self, key: str) -> bytes:
        """The bytes under `key`. Raises ObjectMissing."""

    def exists(self, key: str) -> bool:
        """Whether `key` is taken."""

    def delete(self, key: str) -> None:
        """Free `key`; nothing happens if it is free."""

    def url(self, key: str) -> str:
        """Where a reader on this machine (file://) or a browser (presigned, for minutes) fetches the object."""
