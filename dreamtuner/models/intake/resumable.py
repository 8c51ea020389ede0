"""Downloads one large file into the hub's cache so that a killed download continues where it was.

`huggingface_hub` gives its unfinished files a new name each time, so a process that is killed starts a file of
gigabytes anew. Here it has the name of its sum, and enters the cache only once that sum is right.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamtuner.models.hashes import read_sha256
from dreamtuner.models.intake.errors import HubError


@dataclass(frozen=True)
class RemoteFile:
    """A large file of a repository at a commit, with what the hub states of it; `size`: bytes."""

    repository: str
    name: str
    commit: str
    sha256: str
    size: int


def download_blob(file: RemoteFile, blobs: Path, *, endpoint: str, token: str | None) -> None:
    """Put a file into `blobs` of a repository's cache, unless it is there.

    Raises HubError if what arrives has another sum; it is removed.
    """
    from filelock import FileLock
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, but not in its __all__

    blob, part = blobs / file.sha256, blobs / f"{file.sha256}.part"
    blobs.mkdir(parents=True, exist_ok=True)
    identity = {"Accept-Encoding": "identity"}  # a range of compressed bytes would be another range
    headers: dict[str, Any] = {**build_hf_headers(token=token), **identity}
    with FileLock(blobs / f"{file.sha256}.busy"):
        if blob.is_file() and blob.stat().st_size == file.size:
            return
        url = hf_hub_url(file.repository, file.name, revision=file.commit, endpoint=endpoint)
        if part.is_file() and part.stat().st_size > file.size:
            part.unlink()
        with part.open("ab") as opened:
            http_get(url, opened, resume_size=opened.tell(), headers=headers, expected_size=file.size)
        if (found := read_sha256(part)) != file.sha256:
            part.unlink()
            raise HubError(
                f"{file.repository}: {file.name} arrived with the SHA-256 {found[:12]}, but the hub states "
                f"{file.sha256[:12]}; it was removed: run the same command again"
            )
        os.replace(part, blob)
    (blobs / f"{file.sha256}.busy").unlink(missing_ok=True)
