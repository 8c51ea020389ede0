"""Restores a backup: unpacked and verified in a staging folder first, then moved into place by atomic renames."""

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from storage.atomic_renames import JOURNAL, swap, undo_interrupted
from storage.catalog import Catalog
from storage.keys import blob_key, sha256_of_key
from storage.maintenance.backup import CATALOG, FORMAT, MANIFEST, OBJECTS, BackupError, Manifest, Progress
from storage.maintenance.verify import Finding, verify
from storage.objects import DiskStore, StoreError
from storage.objects.durable import sync_file

_SIDE = ("-wal", "-shm")  # SQLite's files beside a catalog
_STAGING, _LOCK = ".restoring-", ".lock"


def restore(
    file: Path,
    catalog_file: Path,
    store_folder: Path,
    *,
    force: bool = False,
    on_progress: Progress = lambda d, t: None,
) -> tuple[Manifest, Path | None]:
    """Restore the backup `file`; return its manifest, and the folder to which existing data was moved, or None.

    Existing data is an error; with `force` it is moved to a folder beside the catalog, never deleted. Nothing may run
    on it meanwhile. Raises BackupError and changes nothing; a killed restore is undone when the catalog is next opened.
    """
    if not file.is_file():
        raise BackupError(f"{file} is not there, or is no file; give an archive that dreamtuner backup made")
    home = catalog_file.parent
    undo_interrupted(home / JOURNAL)
    there = [path for path in (catalog_file, store_folder) if path.exists() and _is_something(path)]
    if there and not force:
        raise BackupError(
            f"{there[0]} is not empty; restore into another DREAMTUNER_HOME, or move it aside with --force"
        )
    made = [folder for folder in dict.fromkeys((home, store_folder.parent)) if not folder.exists()]
    aside = home / f"replaced-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:6]}"
    try:
        with _staging(home) as staging, _staging(store_folder.parent) as beside:
            # objects are unpacked beside their destination, which may be on another disk than the catalog
            manifest = _unpack(file, staging, beside, on_progress)
            _check(staging, beside)
            sync_file(staging / CATALOG)
            swap(home / JOURNAL, _renames(catalog_file, store_folder, staging, beside, aside if there else None))
            return manifest, aside if there else None
    except (OSError, StoreError, SQLAlchemyError) as error:
        with suppress(OSError):
            aside.rmdir()
        raise BackupError(
            f"{file} cannot be restored to {home}: {_reason(error)}; nothing was changed: free some space, or choose "
            "another DREAMTUNER_HOME"
        ) from error
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()  # empty where nothing was restored


def _renames(
    catalog_file: Path, store_folder: Path, staging: Path, beside: Path, aside: Path | None
) -> list[tuple[Path, Path]]:
    """List the renames, existing files first: an old log beside the new catalog would be replayed into it."""
    renames = []
    if aside is not None:
        aside.mkdir()
        for path in (*(Path(f"{catalog_file}{side}") for side in _SIDE), catalog_file):
            if path.exists():
                renames.append((path, aside / path.name))
        if store_folder.exists():
            far = os.stat(store_folder).st_dev != os.stat(aside).st_dev
            place = store_folder.with_name(f"{store_folder.name}-{aside.name}") if far else aside / store_folder.name
            renames.append((store_folder, place))
            if far:
                (aside / store_folder.name).symlink_to(place, target_is_directory=True)
    elif store_folder.is_dir():
        store_folder.rmdir()  # empty
    return [*renames, (beside / OBJECTS, store_folder), (staging / CATALOG, catalog_file)]


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """Create a temporary folder in `parent`, and remove those left behind by killed processes."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_STAGING}*"):
        with suppress(OSError), (left / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / f"{_STAGING}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reason(error: BaseException) -> str:
    """Return the underlying error message, without the SQL statement."""
    return str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error)


def _is_something(path: Path) -> bool:
    return path.is_file() or any(path.iterdir())


def _unpack(file: Path, staging: Path, beside: Path, on_progress: Progress) -> Manifest:
    """Unpack the archive, reading only expected names and writing only to fixed places."""
    store = DiskStore(beside / OBJECTS)
    store.root.mkdir()
    try:
        with tarfile.open(file, "r:") as archive:
            manifest = _manifest(_next(archive, MANIFEST))
            (staging / CATALOG).write_bytes(_next(archive, CATALOG))
            for done in range(manifest.blobs):
                on_progress(done, manifest.blobs)
                entry = archive.next()
                key = entry.name.removeprefix(f"{OBJECTS}/") if entry is not None else ""
                sha256 = sha256_of_key(key)
                data = _read(archive, entry)
                if sha256 is None or hashlib.sha256(data).hexdigest() != sha256:
                    raise BackupError(f"{file} is damaged at object {done + 1} of {manifest.blobs}; use another backup")
                store.put(blob_key(sha256), data, content_type="application/octet-stream")
            if archive.next() is not None:
                raise BackupError(f"{file} contains more than its manifest lists; use another backup")
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise BackupError(f"{file} is not a complete backup: {error}; use another") from error
    on_progress(manifest.blobs, manifest.blobs)
    return manifest


def _manifest(data: bytes) -> Manifest:
    try:
        given = json.loads(data)
        manifest = Manifest(**{field.name: given[field.name] for field in fields(Manifest)})
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"the backup's {MANIFEST} cannot be read: {error!r}; use another backup") from error
    if manifest.format != FORMAT:
        raise BackupError(f"the backup is of format {manifest.format}, this version reads {FORMAT}: upgrade DreamTuner")
    return manifest


def _next(archive: tarfile.TarFile, name: str) -> bytes:
    entry = archive.next()
    if entry is None or entry.name != name:
        raise BackupError(f"not a backup: {name} is missing or out of place; use a file made by `dreamtuner backup`")
    return _read(archive, entry)


def _read(archive: tarfile.TarFile, entry: tarfile.TarInfo | None) -> bytes:
    opened = archive.extractfile(entry) if entry is not None and entry.isreg() else None
    if opened is None or entry is None:
        raise BackupError("the backup is truncated or has unexpected contents; use another")
    data = opened.read()
    if len(data) != entry.size:
        raise BackupError("the backup is truncated; use another")
    return data


def _check(staging: Path, beside: Path) -> None:
    findings: list[Finding] = []
    with Catalog.open(f"sqlite:///{staging / CATALOG}") as catalog:
        verify(catalog, DiskStore(beside / OBJECTS), findings.append)
    if findings:
        first = findings[0]
        raise BackupError(f"the backup is inconsistent ({first.kind}: {first.what}); use another")
