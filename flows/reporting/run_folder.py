"""Writes the folder of a run, home/runs/<run id>, atomically: a killed run leaves no partial file under its name."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import time

from flows.settings import Settings

PARTIAL = ".partial"
STALE_SECONDS = 24 * 3600.0
"""No write takes a day: older partial files belong to killed runs."""


def run_folder(settings: Settings, run_id: str) -> Path:
    """Return the run's folder; create it if necessary."""
    folder = settings.home / "runs" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a temporary file with `write`, then rename it to `path`, which is therefore complete or absent."""
    partial = path.with_name(path.name + PARTIAL)
    write(partial)
    os.replace(partial, path)


def sweep_partial(settings: Settings, older_than: float = STALE_SECONDS) -> int:
    """Delete partial files not written to for `older_than` seconds, left by killed runs; return how many."""
    before, swept = time() - older_than, 0
    for partial in (settings.home / "runs").glob(f"*/*{PARTIAL}"):
        with suppress(FileNotFoundError):  # deleted or renamed meanwhile
            if partial.stat().st_mtime < before:
                partial.unlink()
                swept += 1
    return swept
