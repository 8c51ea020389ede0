"""A profile's weights on disk: whether they are there, and their digest. Nothing is loaded and torch is not needed."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path

from dreamtuner.models.profiles import ENCODER_PARTS, Profile

_HASHED = {".json", ".safetensors", ".bin", ".txt", ".model"}


class WeightsMissingError(FileNotFoundError):
    """The profile's folder lacks parts; the message names them and the step that brings them."""


def weights_digest(profile: Profile) -> str:
    """sha256 over the weight, config and vocabulary files of the parts that draw, sorted by path; nothing is loaded.

    With a subject-encoder they include it and the tower, which it reads. A file is read again only when its size or
    time changed.
    """
    require_weights(profile)
    return digest_of(profile.weights, (*profile.parts, *(ENCODER_PARTS if profile.has_encoder else ())))


def digest_of(folder: Path, parts: Sequence[str]) -> str:
    """sha256 over the model files in these parts of a folder: each file's relative path and sha256, sorted by path."""
    files = sorted(f for part in parts for f in (folder / part).rglob("*") if f.suffix in _HASHED and f.is_file())
    total = sha256()
    for file in files:
        stat = file.stat()
        total.update(
            f"{file.relative_to(folder).as_posix()}\0{_file_sha256(file, stat.st_mtime_ns, stat.st_size)}\n".encode()
        )
    return total.hexdigest()


@lru_cache(maxsize=1024)
def _file_sha256(file: Path, mtime_ns: int, size: int) -> str:
    """The arguments besides `file` are the cache's key: they change when the file does."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def require_weights(profile: Profile) -> None:
    """WeightsMissingError unless every part that draws is there."""
    missing = profile.missing()
    if missing:
        raise WeightsMissingError(
            f"profile {profile.name!r}: no {', '.join(missing)} in {profile.weights}; get them with: {profile.remedy}"
        )


def require_clip(profile: Profile) -> Path:
    """The tower's folder; WeightsMissingError where it is not there."""
    if not (profile.tower / "config.json").is_file():
        raise WeightsMissingError(
            f"profile {profile.name!r}: no tower in {profile.tower}; get it with: {profile.remedy}"
        )
    return profile.tower
