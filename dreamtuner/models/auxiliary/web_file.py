"""Downloads an auxiliary model that is one file on the web, and compares it with the SHA-256 that is known of it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from dreamtuner.models.auxiliary.place import auxiliary_folder
from dreamtuner.models.hashes import read_sha256
from dreamtuner.models.intake.errors import IntakeError
from dreamtuner.models.intake.fetch import Say


def web_file(name: str, url: str) -> Path:
    """Return where the file of an auxiliary model is, or would be: in DREAMTUNER_HOME/models/NAME."""
    return auxiliary_folder() / name / Path(urlsplit(url).path).name


def fetch_web_file(name: str, url: str, sha256: str, *, offline: bool, say: Say = lambda line: None) -> Path:
    """Download a file unless it is there; a killed download continues where it was.

    `sha256`: the sum, or its first digits. Raises IntakeError if the file is another one, or cannot be had.
    """
    file = web_file(name, url)
    if file.is_file() and read_sha256(file).startswith(sha256):
        return file
    if offline:
        raise IntakeError(
            f"{file} is not there, or is another file, and the net is not used (--offline or HF_HUB_OFFLINE); fetch it "
            f"once without, or copy {url} there"
        )
    say(url)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    if not (part.is_file() and read_sha256(part).startswith(sha256)):
        _download(url, part)
    if not (found := read_sha256(part)).startswith(sha256):
        part.unlink()
        raise IntakeError(
            f"{url} arrived with the SHA-256 {found[:12]}, expected is {sha256[:12]}; it was removed: run the same "
            "command again"
        )
    os.replace(part, file)
    return file


def _download(url: str, part: Path) -> None:
    """Append what is missing to a file. Raises IntakeError if the server refuses or does not answer."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    identity = {"Accept-Encoding": "identity"}  # a range of compressed bytes would be another range
    try:
        with part.open("ab") as opened:
            http_get(url, opened, resume_size=opened.tell(), headers=identity)
    except HfHubHTTPError as error:
        raise IntakeError(f"{url} answered {error.response.status_code}; run the same command again") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise  # of the disk
        why = " ".join(str(error).split())[:160]
        raise IntakeError(
            f"{url} does not answer ({type(error).__name__}: {why}); run the same command again, which keeps what was "
            "downloaded"
        ) from error
