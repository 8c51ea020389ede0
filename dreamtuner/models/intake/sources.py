"""Parses where a model comes from.

    owner/name[/path][@revision][:variant]      a repository of the hub, or one folder or file in it
    a folder                                    in the diffusers layout
    a snapshot of the hub's cache, or its root  .../models--owner--name[/snapshots/COMMIT]
    a file                                      one .safetensors or .ckpt with all weights

In profiles a repository is written with the prefix "hub:", as a plain path is a folder there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.hub_cache import cached_commits, repository_of, snapshot_of
from dreamtuner.models.profiles.places import HUB

_PART = r"[\w.-]+"
_REPOSITORY = re.compile(
    rf"(?P<repository>{_PART}/{_PART})(?P<path>(?:/{_PART})*)(?:@(?P<revision>[\w./-]+))?(?::(?P<variant>{_PART}))?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
SINGLE_FILES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth")


@dataclass(frozen=True)
class HubSource:
    """A repository of the hub. `path`: one folder or file in it, empty for all of it."""

    repository: str
    path: str = ""
    revision: str = "main"
    variant: str | None = None

    def __str__(self) -> str:
        path = f"/{self.path}" if self.path else ""
        revision = f"@{self.revision}" if self.revision != "main" else ""
        return f"{self.repository}{path}{revision}" + (f":{self.variant}" if self.variant else "")

    @property
    def is_commit(self) -> bool:
        """Whether the revision is a full commit, which never changes."""
        return _COMMIT.fullmatch(self.revision) is not None


@dataclass(frozen=True)
class FolderSource:
    """A folder in the diffusers layout. `repository`, `commit`: known for a snapshot of the hub's cache."""

    folder: Path
    variant: str | None = None
    repository: str | None = None
    commit: str | None = None

    def __str__(self) -> str:
        return f"{self.repository}@{self.commit}" if self.repository else str(self.folder)


@dataclass(frozen=True)
class FileSource:
    """One file with all weights."""

    file: Path

    def __str__(self) -> str:
        return str(self.file)


Source = HubSource | FolderSource | FileSource


def hub_source(stated: str) -> HubSource:
    """Parse owner/name[/path][@revision][:variant], with or without the prefix "hub:". Raises IntakeError."""
    found = _REPOSITORY.fullmatch(stated.removeprefix(HUB))
    if found is None:
        raise IntakeError(
            f"{stated!r} is not a repository of the hub; write owner/name, owner/name@revision or owner/name:variant"
        )
    path = found["path"].strip("/")
    return HubSource(found["repository"], path, found["revision"] or "main", found["variant"])


def parse_source(stated: str, variant: str | None = None) -> Source:
    """Parse what a user gives as SOURCE; `variant` overrides the one in it. Reads folder names only.

    Raises:
        IntakeError: nothing has this path, a cache root holds several models, or it is neither path nor repository.
    """
    path = Path(stated).expanduser()
    if path.is_file():
        if path.suffix.lower() not in SINGLE_FILES:
            raise IntakeError(f"{path} is not a model; give a folder, or one of: *{', *'.join(SINGLE_FILES)}")
        return FileSource(path.resolve())
    if path.is_dir():
        return _folder(path.absolute(), variant)
    if stated.startswith(HUB) or (_REPOSITORY.fullmatch(stated) and not stated.startswith((".", "~", "/"))):
        source = hub_source(stated)
        return source if variant is None else HubSource(source.repository, source.path, source.revision, variant)
    raise IntakeError(f"{stated!r}: no such file or folder, and not a repository such as owner/name; correct the path")


def _folder(path: Path, variant: str | None) -> FolderSource:
    """Find the model in a folder: in the folder itself, its newest snapshot, or the only model of a cache."""
    if (repository := repository_of(path)) is not None:
        snapshot = snapshot_of(path)
        if snapshot is None:
            raise IntakeError(
                f"{path} has no complete snapshot; fetch it with: dreamtuner models add NAME {repository}"
            )
        return FolderSource(snapshot, variant, repository, snapshot.name)
    models = [one for one in sorted(path.iterdir()) if one.is_dir() and repository_of(one) and cached_commits(one)]
    if models and not any(path.glob("*.json")):
        if len(models) > 1:
            names = ", ".join(repository_of(one) or "" for one in models)
            raise IntakeError(
                f"{path} is a cache of several models ({names}); give one of their folders, or owner/name"
            )
        return _folder(models[0], variant)
    return FolderSource(path, variant)
