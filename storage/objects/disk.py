"""A folder as an object store: each object is one file, named by its key and written atomically."""

import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from storage.keys import InvalidKeyError, check_key
from storage.objects.durable import make_folders, name_file, sweep, sync_folder
from storage.objects.store import (
    PIECE,
    URL_SECONDS,
    ChecksumMismatchError,
    Data,
    ObjectMissingError,
    ObjectStat,
    Put,
    StoreError,
    check_seconds,
)

INCOMING = ".incoming"  # incomplete files; no key begins with a dot
STALE_SECONDS = 24 * 3600.0  # no put takes a day: its writer has died


class DiskStore:
    """Objects in files under `root`, which is created with the first object."""

    writers = 2  # one writes while the disk flushes what the other wrote

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    def put(self, key: str, data: Data, *, content_type: str, sha256: str | None = None) -> bool:
        """See ObjectStore. The file is written to a temporary name, flushed, then linked to its name atomically."""
        return self.put_all([Put(key, data, content_type, sha256)])[0]

    def put_all(self, objects: Sequence[Put]) -> list[bool]:
        """See ObjectStore. All are written before the first is flushed, and all are named before the first folder is
        flushed, as flushing one file also flushes most of the others."""
        paths = [self._path(one.key) for one in objects]
        for one in objects:
            if one.sha256 is not None and hashlib.sha256(one.data).hexdigest() != one.sha256:
                raise ChecksumMismatchError(
                    f"object {one.key}: these bytes do not have SHA-256 {one.sha256}; read them again"
                )
        if not objects:
            return []
        with self._errors(objects[0].key, "written"):
            folders = list(dict.fromkeys(path.parent for path in paths))
            make_folders([*folders, self.root / INCOMING])
            written = self._write(objects, paths)
            # Even if all existed: the process that named them may have died before the names were durable.
            for folder in folders:
                sync_folder(folder)
        return written

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        path = self._path(key)
        with self._errors(key, "read"), self._missing(key):
            return path.read_bytes()

    def pieces(self, key: str) -> Iterator[bytes]:
        """See InPieces."""
        path = self._path(key)
        with self._errors(key, "read"), self._missing(key), path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        return self._path(key).is_file()

    def stat(self, key: str) -> ObjectStat:
        """See ObjectStore."""
        path = self._path(key)
        with self._errors(key, "read"), self._missing(key):
            found = path.stat()
        if not S_ISREG(found.st_mode):
            raise ObjectMissingError(key)
        return ObjectStat(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def walk(self, prefix: str = "") -> Iterator[ObjectStat]:
        """See ObjectStore. Files whose names are not valid keys are omitted."""
        top = self._path(prefix) if prefix else self.root
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if name != INCOMING]
            for name in files:
                try:
                    yield self.stat(Path(folder, name).relative_to(self.root).as_posix())
                except (InvalidKeyError, ObjectMissingError):
                    continue

    def delete(self, key: str) -> None:
        """See ObjectStore. The folders stay: another process may be about to name a file in them."""
        path = self._path(key)
        with self._errors(key, "deleted"), suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            sync_folder(path.parent)

    def url(self, key: str, *, seconds: int = URL_SECONDS) -> str:
        """See ObjectStore: a file:// URL, good for as long as the file is there."""
        check_seconds(seconds)
        return self._path(key).as_uri()

    def check(self) -> Sequence[str]:
        """See ObjectStore. Incomplete files of killed processes are removed once they are a day old."""
        if self.root.is_dir() and not os.access(self.root, os.W_OK):
            return [f"folder {self.root} is read-only: objects can be read but not stored"]
        with self._errors("(a probe)", "written"):
            incoming = self.root / INCOMING
            make_folders([incoming])
            sweep(incoming, older_than=STALE_SECONDS)
            probe = incoming / uuid.uuid4().hex
            try:
                probe.write_bytes(b"x")
                linked = name_file(probe, probe.with_suffix(".linked"), links_only=True)
            finally:
                probe.with_suffix(".linked").unlink(missing_ok=True)
                probe.unlink(missing_ok=True)
        if linked:
            return []
        return [
            f"folder {self.root} has no hard links: of two simultaneous writers of one key both may be told "
            "that they wrote it; blobs are unaffected"
        ]

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _write(self, objects: Sequence[Put], paths: Sequence[Path]) -> list[bool]:
        """Write each to a temporary file and link it to its path unless that exists; return which were linked."""
        aside: dict[int, Path] = {}
        try:
            with ExitStack() as stack:
                files = []
                for i, (one, path) in enumerate(zip(objects, paths, strict=True)):
                    if not path.exists():
                        aside[i] = self.root / INCOMING / uuid.uuid4().hex
                        descriptor = os.open(aside[i], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
                        files.append(stack.enter_context(open(descriptor, "wb")))
                        files[-1].write(one.data)
                for file in files:
                    file.flush()
                    os.fsync(file.fileno())
            return [i in aside and name_file(aside[i], path) for i, path in enumerate(paths)]
        finally:
            for temporary in aside.values():
                temporary.unlink(missing_ok=True)

    @staticmethod
    @contextmanager
    def _missing(key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectMissingError(key) from None

    @contextmanager
    def _errors(self, key: str, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"object {key} could not be {done} in {self.root}: {error.strerror}; "
                "check that folder's disk and permissions, or store objects elsewhere"
            ) from error
