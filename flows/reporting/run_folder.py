"""The folder of a run, home/runs/<run id>: what people open. Files are there whole, whenever the run is killed."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import time

from flows.settings import Settings

PARTIAL = ".partial"
STALE_SECONDS = 24 * 3600.0
"""Nobody writes to one file for a day: a partial one that is older is a killed run's."""


def run_folder(settings: Settings, run_id: str) -> Path:
    """The run's folder, made if need be."""
    folder = settings.home / "runs" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make the file aside, then give it its name: at `path` it is whole, or not there."""
    partial = path.with_name(path.name + PARTIAL)
    write(partial)
    os.replace(partial, path)


def sweep_partial(settings: Settings, older_than: float = STALE_SECONDS) -> int:
    """Remove what killed runs left half-written, once nobody wrote to it for so many seconds; how many files."""
    before, swept = time() - older_than, 0
    for partial in (settings.home / "runs").glob(f"*/*{PARTIAL}"):
        with suppress(FileNotFoundError):  # another sweeps too, or the file got its name
            if partial.stat().st_mtime < before:
                partial.unlink()
                swept += 1
    return swept
