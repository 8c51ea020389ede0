"""Backs up a SQLite catalog and its object folder to one file, while runs continue.

The catalog is copied first, by SQLite's online backup, then the objects that the copy references: objects never change
and are written before their rows, so everything that the copy references exists.
"""

import io
import json
import os
import sqlite3
import tarfile
import tempfile
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from storage.catalog import Catalog, garbage
from storage.catalog.migrate import head_revision
from storage.keys import blob_key
from storage.objects import DiskStore, StoreError, get_blob
from storage.objects.durable import sync_file, sync_folder

FORMAT = 1
CATALOG, OBJECTS, MANIFEST = "catalog.db", "objects", "manifest.json"
Progress = Callable[[int, int], None]


class BackupError(Exception):
    """The backup cannot be made or restored; nothing was changed, and the message includes the remedy."""


@dataclass(frozen=True)
class Manifest:
    """Contents of a backup: `blobs` objects of `bytes` in all; `revision` is that of the catalog's schema."""

    format: int
    revision: str
    made_at: str
    blobs: int
    bytes: int


def backup(
    catalog: Catalog, store: DiskStore, file: Path, on_progress: Progress = lambda done, total: None
) -> Manifest:
    """Write catalog and objects to `file`, a tar archive that appears only when it is complete and durable.

    `on_progress` receives the objects done and the total. Raises BackupError if `file` exists, the catalog is not a
    SQLite file, or an object is missing or damaged: `dreamtuner verify` lists these.
    """
    if catalog.url.get_backend_name() != "sqlite" or catalog.url.database is None:
        raise BackupError(
            "this catalog is on a server: back it up with pg_dump, and its bucket with the tools of its provider"
        )
    if file.exists():
        raise BackupError(f"{file} exists; name another file, or remove it")
    partial = file.with_name(f"{file.name}.{uuid.uuid4().hex}.partial")
    try:
        with tempfile.TemporaryDirectory(prefix="backup-", dir=file.parent) as folder:
            copy = Path(folder, CATALOG)
            _copy(Path(catalog.url.database), copy)
            manifest = _archive(copy, store, partial, on_progress)
        sync_file(partial)
        os.link(partial, file)
        sync_folder(file.parent)
    except FileExistsError:
        raise BackupError(f"{file} exists; name another file, or remove it") from None
    except StoreError as error:
        raise BackupError(f"{error}; run `dreamtuner verify` and repair what it lists, then back up") from error
    except OSError as error:
        raise BackupError(
            f"{file} cannot be written: {error.strerror}; name a file in a folder with free space"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _archive(copy: Path, store: DiskStore, target: Path, on_progress: Progress) -> Manifest:
    with Catalog.open(f"sqlite:///{copy}") as opened:
        with opened.write() as s:
            garbage.forget(s)  # their objects may be deleted while these are archived
        with opened.read() as s:
            count, size = garbage.total(s)
    # Now a single file: closing the last connection removed the log.
    manifest = Manifest(FORMAT, str(head_revision()), datetime.now(UTC).isoformat(), count, size)
    with tarfile.open(target, "x", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, MANIFEST, json.dumps(asdict(manifest)).encode())
        archive.add(copy, CATALOG, filter=_plain)
        with Catalog.open(f"sqlite:///{copy}") as opened:
            for done, (sha256, *_) in enumerate(chain.from_iterable(garbage.pages(opened))):
                on_progress(done, count)
                _add(archive, f"{OBJECTS}/{blob_key(sha256)}", get_blob(store, sha256))
    on_progress(count, count)
    return manifest


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = _plain(tarfile.TarInfo(name))
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove user and group from an archive entry."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry
