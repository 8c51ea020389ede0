"""A profile's weights on disk: whether they exist, and their digest. Loads nothing and needs no torch."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path

from dreamtuner.models.profiles import ENCODER_PARTS, Profile

_HASHED = {".json", ".safetensors", ".bin", ".txt", ".model"}


class WeightsMissingError(FileNotFoundError):
    """The profile's folder lacks parts; the message names them and the step that provides them."""


def weights_digest(profile: Profile) -> str:
    """Return the SHA-256 of the weight, config and vocabulary files of the parts that affect an image, sorted by path.

    With a subject-encoder these include it and the CLIP model that it reads. Loads nothing; a file is read again only
    if its size or time changed.
    """
    require_weights(profile)
    return digest_of(profile.weights, (*profile.parts, *(ENCODER_PARTS if profile.has_encoder else ())))


def digest_of(folder: Path, parts: Sequence[str]) -> str:
    """Return the SHA-256 over the relative paths and SHA-256s of the model files in these parts of a folder, sorted."""
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
    """Hash a file. The other arguments are the cache's key: they change when the file does."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def require_weights(profile: Profile) -> None:
    """Raise WeightsMissingError unless every part that affects an image exists."""
    missing = profile.missing()
    if missing:
        raise WeightsMissingError(
            f"profile {profile.name!r}: no {', '.join(missing)} in {profile.weights}; get them with: {profile.remedy}"
        )


def require_clip(profile: Profile) -> Path:
    """Return the folder of the CLIP model. Raises WeightsMissingError if it is missing."""
    if not (profile.tower / "config.json").is_file():
        raise WeightsMissingError(
            f"profile {profile.name!r}: no CLIP model in {profile.tower}; get it with: {profile.remedy}"
        )
    return profile.tower
