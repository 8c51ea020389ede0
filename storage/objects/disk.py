"""A folder as an object store: each object is one file, named by its key, there in full or not at all."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.keys import check_key
from storage.objects.store import ObjectMissing, StoreError

_TEMPORARY = ".incoming"  # no key begins with a dot
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class DiskStore:
    """Objects in files under `root`, which is made when the first object is put."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    def put(self, key: str, data: bytes, *, content_type: str) -> bool:
        """See ObjectStore. The file is written aside, flushed to the disk, then given its name in one step."""
        path = self._path(key)
        with self._errors(key, "written"):
            _make_folder(path.parent)
            written = not path.exists() and self._write(path, data)
            # Also when it was there: the process that named it may have died before the name was durable.
            _sync_folder(path.parent)
        return written

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        path = self._path(key)
        with self._errors(key, "read"):
            try:
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise ObjectMissing(key) from None

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """See ObjectStore. The folders stay: another process may be about to name a file in them."""
        path = self._path(key)
        with self._errors(key, "deleted"), suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            _sync_folder(path.parent)

    def url(self, key: str) -> str:
        """See ObjectStore: a file:// URL."""
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _write(self, path: Path, data: bytes) -> bool:
        """Write `data` aside and name it `path`, unless another did so first; True if this one did."""
        _make_folder(self.root / _TEMPORARY)
        temporary = self.root / _TEMPORARY / uuid.uuid4().hex
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            return _name(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _errors(self, key: str, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"object {key} could not be {done} in {self.root}: {error.strerror}; "
                "check that folder's disk and permissions, or keep objects elsewhere"
            ) from error


def _name(temporary: Path, path: Path) -> bool:
    """Give the written file its name unless that is taken; True if it was free."""
    try:
        os.link(temporary, path)  # unlike a rename, it refuses to replace
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without hard links. A rename is atomic too, but of two writers both may think they were first.
        if path.exists():
            return False
        os.rename(temporary, path)
    return True


def _make_folder(folder: Path) -> None:
    """Make `folder` and those above it, each durable in its parent."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
