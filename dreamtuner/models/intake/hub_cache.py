"""Finds models in the hub's cache on this disk, without the hub's library and without the net.

HF_HUB_CACHE/models--owner--name/{refs/main, snapshots/COMMIT/..., blobs/...}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_PREFIX = "models--"


def cache_root(environ: Mapping[str, str] | None = None) -> Path:
    """Return the hub's cache: HF_HUB_CACHE, else the folder hub in HF_HOME, else in the user's cache."""
    env = os.environ if environ is None else environ
    if given := env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE"):
        return Path(given).expanduser().absolute()
    home = env.get("HF_HOME") or Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser().absolute() / "hub"


def repository_folder(repository: str, root: Path | None = None) -> Path:
    """Return the folder of a repository in the cache; it need not exist."""
    return (root or cache_root()) / f"{_PREFIX}{repository.replace('/', '--')}"


def repository_of(folder: Path) -> str | None:
    """Return owner/name if the folder is a repository's in a cache, or one of its snapshots; else None."""
    if folder.parent.name == "snapshots":
        folder = folder.parent.parent
    owner, _, name = folder.name.removeprefix(_PREFIX).partition("--")
    return f"{owner}/{name}" if folder.name.startswith(_PREFIX) and name else None


def cached_commits(folder: Path) -> list[str]:
    """Return the commits of a repository's folder that have a snapshot, the newest last."""
    snapshots = [one for one in folder.glob("snapshots/*") if one.is_dir()]
    return [one.name for one in sorted(snapshots, key=lambda one: one.stat().st_mtime_ns)]


def snapshot_of(folder: Path, revision: str = "main") -> Path | None:
    """Return the snapshot of a repository's folder at a revision, else the newest; the folder if it is one itself.

    Returns None if it is neither there nor, for the revision main, any other.
    """
    if folder.parent.name == "snapshots":
        return folder
    ref = folder / "refs" / revision
    commit = ref.read_text().strip() if ref.is_file() else revision
    if (folder / "snapshots" / commit).is_dir():
        return folder / "snapshots" / commit
    commits = cached_commits(folder)
    return folder / "snapshots" / commits[-1] if commits and revision == "main" else None
