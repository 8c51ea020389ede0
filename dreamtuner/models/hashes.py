"""SHA-256 of files, computed once: those of large files are kept in DREAMTUNER_HOME/hashes. Needs no torch."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path
from uuid import uuid4

KEPT_FROM = 32 * 1024 * 1024
"""Bytes from which on a file's SHA-256 is kept on disk; smaller files are hashed in milliseconds."""


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file; it is read again only if its size or time changed."""
    real = file.resolve()
    stat = real.stat()
    return _file_sha256(real, stat.st_mtime_ns, stat.st_size)


def read_sha256(file: Path) -> str:
    """Return the SHA-256 of a file, read now, whatever is kept; what is kept is corrected."""
    real = file.resolve()
    stat = real.stat()
    digest = _read(real)
    if stat.st_size >= KEPT_FROM:
        _keep(real, stat.st_mtime_ns, stat.st_size, digest)
    _file_sha256.cache_clear()
    return digest


@lru_cache(maxsize=1024)
def _file_sha256(real: Path, mtime_ns: int, size: int) -> str:
    """Hash a file. The other arguments are the cache's key: they change when the file does."""
    if size < KEPT_FROM:
        return _read(real)
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(_place(real).read_bytes())
        if (kept["path"], kept["mtime_ns"], kept["size"]) == (str(real), mtime_ns, size):
            return str(kept["sha256"])
    digest = _read(real)
    _keep(real, mtime_ns, size, digest)
    return digest


def _read(real: Path) -> str:
    with real.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _keep(real: Path, mtime_ns: int, size: int, digest: str) -> None:
    """Keep a hash on disk if the data folder exists and can be written; a kept one only saves time."""
    if not _home().is_dir():
        return
    place = _place(real)
    new = place.with_suffix(f".{uuid4().hex}")
    with suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        new.write_text(json.dumps({"path": str(real), "mtime_ns": mtime_ns, "size": size, "sha256": digest}))
        os.replace(new, place)


def _home() -> Path:
    return Path(os.environ.get("DREAMTUNER_HOME") or ".dreamtuner").expanduser().absolute()


def _place(real: Path) -> Path:
    return _home() / "hashes" / f"{sha256(os.fsencode(real)).hexdigest()}.json"
