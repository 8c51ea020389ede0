"""A backup put back: read and checked aside first, then moved into its place in two renames."""

import hashlib
import json
import os
import shutil
import tarfile
import uuid
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from storage.backup import CATALOG, FORMAT, MANIFEST, OBJECTS, BackupError, Manifest, Progress
from storage.catalog import Catalog
from storage.keys import blob_key, sha256_of_key
from storage.objects import DiskStore
from storage.objects.durable import sync_file, sync_folder
from storage.verify import Finding, verify

_SIDE = ("-wal", "-shm")  # what SQLite keeps beside a catalog


def restore(
    file: Path,
    catalog_file: Path,
    store_folder: Path,
    *,
    force: bool = False,
    on_progress: Progress = lambda d, t: None,
) -> tuple[Manifest, Path | None]:
    """Put the backup `file` where catalog and objects belong; what it held, and where what was there is now.

    A catalog or objects that are there are refused; with `force` they are moved into a folder beside the catalog, never
    deleted. Nothing may run on them meanwhile. Raises BackupError, and then everything is as it was.
    """
    there = [path for path in (catalog_file, store_folder) if path.exists() and _is_something(path)]
    if there and not force:
        raise BackupError(f"{there[0]} is not empty; restore into another DREAMTUNER_HOME, or move it aside by --force")
    home = catalog_file.parent
    home.mkdir(parents=True, exist_ok=True)
    staging = home / f".restoring-{uuid.uuid4().hex}"
    staging.mkdir()
    try:
        manifest = _unpack(file, staging, on_progress)
        _check(staging)
        aside = _set_aside(home, catalog_file, store_folder) if there else None
        store_folder.parent.mkdir(parents=True, exist_ok=True)
        if store_folder.is_dir():
            store_folder.rmdir()  # empty
        shutil.move(staging / OBJECTS, store_folder)
        sync_file(staging / CATALOG)
        os.replace(staging / CATALOG, catalog_file)
        sync_folder(home)
        return manifest, aside
    except OSError as error:
        raise BackupError(f"{file} cannot be restored to {home}: {error}; make room or choose another home") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _is_something(path: Path) -> bool:
    return path.is_file() or any(path.iterdir())


def _unpack(file: Path, staging: Path, on_progress: Progress) -> Manifest:
    """Only the names that a backup has are read from the archive, each to where we say."""
    store = DiskStore(staging / OBJECTS)
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
                raise BackupError(f"{file} holds more than its manifest says; use another backup")
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise BackupError(f"{file} is no whole backup: {error}; use another") from error
    on_progress(manifest.blobs, manifest.blobs)
    return manifest


def _manifest(data: bytes) -> Manifest:
    try:
        given = json.loads(data)
        manifest = Manifest(**{field.name: given[field.name] for field in fields(Manifest)})
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"the backup's {MANIFEST} cannot be read: {error!r}; use another backup") from error
    if manifest.format != FORMAT:
        raise BackupError(f"the backup is of format {manifest.format}, this version reads {FORMAT}: upgrade it")
    return manifest


def _next(archive: tarfile.TarFile, name: str) -> bytes:
    entry = archive.next()
    if entry is None or entry.name != name:
        raise BackupError(
            f"the file is no backup: {name} is not where it belongs; use one that `dreamtuner backup` made"
        )
    return _read(archive, entry)


def _read(archive: tarfile.TarFile, entry: tarfile.TarInfo | None) -> bytes:
    opened = archive.extractfile(entry) if entry is not None and entry.isreg() else None
    if opened is None or entry is None:
        raise BackupError("the backup ends early, or holds what no backup has; use another")
    data = opened.read()
    if len(data) != entry.size:
        raise BackupError("the backup ends early; use another")
    return data


def _check(staging: Path) -> None:
    findings: list[Finding] = []
    with Catalog.open(f"sqlite:///{staging / CATALOG}") as catalog:
        verify(catalog, DiskStore(staging / OBJECTS), findings.append)
    if findings:
        first = findings[0]
        raise BackupError(f"the backup does not agree with itself ({first.kind}: {first.what}); use another")


def _set_aside(home: Path, catalog_file: Path, store_folder: Path) -> Path:
    aside = home / f"replaced-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:6]}"
    aside.mkdir()
    for path in (catalog_file, *(Path(f"{catalog_file}{side}") for side in _SIDE), store_folder):
        if path.exists():
            shutil.move(path, aside / path.name)
    return aside
