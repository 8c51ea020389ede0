"""Downloads what is loaded of a repository of the hub into the hub's own cache, and compares every file with its sum.

HF_ENDPOINT, HF_TOKEN, HF_HUB_CACHE and HF_HUB_OFFLINE are respected.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.intake.errors import HubError, IntakeError
from dreamtuner.models.intake.hub_cache import cache_root, repository_folder, snapshot_of
from dreamtuner.models.intake.resumable import RemoteFile, download_blob
from dreamtuner.models.intake.sources import HubSource

Choose = Callable[[Sequence[str], Callable[[str], bytes]], Sequence[str]]
"""Chooses files: the names of all of a repository, and a function that reads a small one -> the names to load."""
Say = Callable[[str], None]

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Snapshot:
    """A repository at one commit, of which the chosen files are on this disk."""

    repository: str
    commit: str
    folder: Path
    files: tuple[str, ...]
    licence: str | None = None


def is_offline(offline: bool = False) -> bool:
    """Return whether the net must not be touched: by the option, or by HF_HUB_OFFLINE."""
    return offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "on", "yes", "true"}


def endpoint() -> str:
    """Return the hub's address: HF_ENDPOINT, else https://huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def cached(source: HubSource, choose: Choose) -> Snapshot:
    """Find a repository in the hub's cache; touches no net. Raises IntakeError if files are missing or damaged."""
    folder = snapshot_of(repository_folder(source.repository), source.revision)
    if folder is None:
        raise IntakeError(
            f"{source} is not in {cache_root()}, and the net is not used (--offline or HF_HUB_OFFLINE); "
            "fetch it once without"
        )
    names = [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]
    with _of(source):
        chosen = tuple(choose(names, lambda name: (folder / name).read_bytes()))
    for name in chosen:
        expected = (folder / name).resolve().name
        if _SHA256.fullmatch(expected) and file_sha256(folder / name) != expected:
            raise IntakeError(
                f"{folder / name} is damaged: its SHA-256 is not {expected}; delete it and fetch it again"
            )
    return Snapshot(source.repository, folder.name, folder, chosen)


def download(source: HubSource, choose: Choose, say: Say = lambda line: None) -> Snapshot:
    """Download what is chosen of a repository at the revision's commit. Files that are there are only compared.

    Raises:
        HubError: the hub refuses, does not answer, or sends a file that is not the one it states.
        IntakeError: what is to be loaded is not in the repository, or the disk is too small.
    """
    from huggingface_hub import HfApi, hf_hub_download

    where: dict[str, Any] = {"endpoint": endpoint(), "token": os.environ.get("HF_TOKEN") or None}
    with _errors(source):
        info = HfApi(**where).model_info(source.repository, revision=source.revision, files_metadata=True)
        commit = str(info.sha)

        def get(name: str) -> Path:
            return Path(hf_hub_download(source.repository, name, revision=commit, cache_dir=cache_root(), **where))

        stated = {one.rfilename: one for one in info.siblings or ()}
        with _of(source):
            chosen = tuple(choose(list(stated), lambda name: get(name).read_bytes()))
        _demand_room(source, [stated[name] for name in chosen])
        for name in chosen:
            size, lfs = stated[name].size or 0, stated[name].lfs
            say(f"{source.repository} {name} {size / 1e6:.1f} MB")
            if lfs is not None:
                blobs = repository_folder(source.repository) / "blobs"
                file = RemoteFile(source.repository, name, commit, lfs.sha256, lfs.size)
                download_blob(file, blobs, **where)
            _compare(get(name), stated[name], source)
    card = getattr(info, "card_data", None)
    licence = getattr(card, "license", None) or _tagged(info.tags or ())
    folder = repository_folder(source.repository) / "snapshots" / commit
    return Snapshot(source.repository, commit, folder, chosen, licence if isinstance(licence, str) else None)


def _tagged(tags: Sequence[str]) -> str | None:
    return next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None)


def _demand_room(source: HubSource, files: Sequence[Any]) -> None:
    """Raise IntakeError if the chosen files that are not in the cache do not fit on its disk."""
    blobs = repository_folder(source.repository) / "blobs"
    needed = sum(one.size or 0 for one in files if not (blobs / (one.lfs.sha256 if one.lfs else one.blob_id)).exists())
    nearest = next(one for one in (blobs, *blobs.parents) if one.exists())
    free = shutil.disk_usage(nearest).free
    if needed > free:
        raise IntakeError(
            f"{source} needs {needed / 1e9:.1f} GB in {cache_root()}, whose disk has {free / 1e9:.1f} GB free; make "
            "room, or set HF_HUB_CACHE to a folder on a larger disk"
        )


def _compare(file: Path, stated: Any, source: HubSource) -> None:
    """Compare a file with the sum that the hub states; remove one that differs. Raises HubError."""
    if stated.lfs is not None:
        expected, found = stated.lfs.sha256, file_sha256(file)
    elif stated.blob_id is not None:
        data = file.read_bytes()
        expected, found = stated.blob_id, sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    else:
        return
    if found != expected:
        file.resolve().unlink()
        file.unlink(missing_ok=True)
        raise HubError(
            f"{source.repository}: {stated.rfilename} arrived with the sum {found[:12]}, but the hub states "
            f"{expected[:12]}; it was removed: run the same command again"
        )


@contextmanager
def _of(source: HubSource) -> Iterator[None]:
    """Name the source in errors of choosing."""
    try:
        yield
    except HubError:
        raise
    except IntakeError as error:
        raise IntakeError(f"{source}: {error}") from error


@contextmanager
def _errors(source: HubSource) -> Iterator[None]:
    """Turn the hub's errors into one sentence each."""
    from huggingface_hub import errors

    page = f"{endpoint()}/{source.repository}"
    again = "run the same command again; what was downloaded is kept"
    try:
        yield
    except errors.GatedRepoError as error:
        token = "" if os.environ.get("HF_TOKEN") else ", set HF_TOKEN to a token of your account"
        raise HubError(f"{source.repository} is gated: accept its terms at {page}{token}, then {again}") from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{source.repository} has no revision {source.revision!r}; see {page}/commits/main") from error
    except errors.RepositoryNotFoundError as error:
        token = "" if os.environ.get("HF_TOKEN") else "; if it is private, set HF_TOKEN"
        raise HubError(
            f"{source.repository}: {endpoint()} shows no such repository; correct the name{token}"
        ) from error
    except errors.EntryNotFoundError as error:
        raise HubError(f"{source}: a file is missing on the hub ({_short(error)}); {again}") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise HubError(
                f"{page} denies access ({status}): correct HF_TOKEN, or unset it for a public one"
            ) from error
        raise HubError(f"{page} answered {status}; {again}") from error
    except OSError as error:
        if _is_of_disk(error):
            raise
        raise HubError(f"{endpoint()} does not answer ({_short(error)}); {again}, or use --offline") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"httpx", "httpx2", "httpcore", "huggingface_hub"}:
            raise
        raise HubError(f"{endpoint()} does not answer ({_short(error)}); {again}, or use --offline") from error


def _is_of_disk(error: OSError) -> bool:
    return error.errno is not None and not isinstance(error, ConnectionError | TimeoutError)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
