"""Atomic, durable file operations that survive crashes of process and machine."""

import errno
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def name_file(written: Path, path: Path, *, links_only: bool = False) -> bool:
    """Give the written file its name unless that exists; return whether it did.

    `written` may remain. With `links_only`, returns False on a file system without hard links.
    """
    try:
        os.link(written, path)  # unlike a rename, it does not replace
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A rename is atomic too, but of two writers both may think they were first.
        if links_only or path.exists():
            return False
        os.rename(written, path)
    return True


def make_folders(folders: Sequence[Path]) -> None:
    """Create the folders and their parents, each durable in its parent."""
    parents: dict[Path, None] = {}  # an ordered set
    for folder in folders:
        missing = list(takewhile(lambda one: not one.is_dir(), (folder, *folder.parents)))
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
        parents |= dict.fromkeys(one.parent for one in reversed(missing))
    for parent in parents:
        sync_folder(parent)


def sync_folder(folder: Path) -> None:
    """Flush the directory entries of `folder` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Flush the bytes of `path` to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sweep(folder: Path, *, older_than: float) -> int:
    """Remove the files in `folder` not modified for `older_than` seconds; return how many."""
    before, removed = time.time() - older_than, 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another sweeps too
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)
                    removed += 1
    return removed
