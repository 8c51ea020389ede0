"""A profile's weights on disk: whether they exist, which files are loaded, and their digest. Needs no torch."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from dreamtuner.models.hashes import file_sha256
from dreamtuner.models.profiles import ENCODER_PARTS, Profile

_WEIGHTS = {".safetensors", ".bin"}
_HASHED = {".json", ".txt", ".model", *_WEIGHTS}
_RENAMED_SHA256 = "6a0d1af5dea764d3cb15629c92f0b748803f219c75ad8cdd1eb5d4cc5a9c55ed"
_EARLIER_SHA256 = "2a4b9610e095f2837ecc54ebbec9d90317610092af0dfa9176401e48d8a801b3"
_REWRITTEN = {_RENAMED_SHA256: _EARLIER_SHA256}
"""SHA-256 of files whose tensors have other names in an earlier release -> SHA-256 of the earlier file, which stays in
digests: the text encoder of pocket's first weights, whose names transformers 4 reads too."""
_INDEX = ".index"
BESIDE = ("vocab.json", "merges.txt", "added_tokens.json")
"""Vocabulary files that are not read where there is a tokenizer.json, which holds the same."""
_NAMES = [
    *((stem, ".safetensors") for stem in ("diffusion_pytorch_model", "model")),
    *((stem, ".bin") for stem in ("diffusion_pytorch_model", "pytorch_model")),
]


class WeightsMissingError(FileNotFoundError):
    """The profile's folder lacks parts; the message names them and the step that provides them."""


def weights_digest(profile: Profile) -> str:
    """Return the SHA-256 of the weight, config and vocabulary files of the parts that affect an image, sorted by path.

    With a subject-encoder these include it and the CLIP model that it reads. Loads nothing; a file is read again only
    if its size or time changed.
    """
    require_weights(profile)
    return parts_digest(profile, (*profile.image_parts, *(ENCODER_PARTS if profile.has_encoder else ())))


def parts_digest(profile: Profile, parts: Sequence[str]) -> str:
    """Return the SHA-256 over the names and SHA-256s of the files that are loaded of these parts of a profile.

    It does not depend on where a part is, nor on files beside those that are loaded.
    """
    return files_digest(
        (f"{part}/{file.relative_to(folder).as_posix()}", file)
        for part, folder in ((part, profile.folder(part)) for part in parts)
        for file in loaded_files(folder, profile.variant)
    )


def digest_of(folder: Path, parts: Sequence[str], variant: str | None = None) -> str:
    """Return the SHA-256 over the relative paths and SHA-256s of the files that are loaded of these parts, sorted."""
    return files_digest(
        (file.relative_to(folder).as_posix(), file) for part in parts for file in loaded_files(folder / part, variant)
    )


def files_digest(files: Iterable[tuple[str, Path]]) -> str:
    """Return the SHA-256 over the names and SHA-256s of these files, sorted by name."""
    total = sha256()
    for file, name in sorted((file, name) for name, file in files):
        own = file_sha256(file)
        total.update(f"{name}\0{_REWRITTEN.get(own, own)}\n".encode())
    return total.hexdigest()


def loaded_files(folder: Path, variant: str | None = None) -> list[Path]:
    """Return the files of one part that a model is loaded from: configs, vocabularies, and one set of weights.

    Of several sets the one of `variant` is loaded if it exists, else the plain one, and safetensors before .bin. All
    files count in a folder whose weights have names that neither diffusers nor transformers gives. A vocabulary is
    loaded from tokenizer.json alone if it exists.
    """
    files = [file for file in folder.rglob("*") if file.suffix in _HASHED and file.is_file() and not _unread(file)]
    weights = [file for file in files if file.suffix in _WEIGHTS]
    chosen = weight_files(folder, variant)
    if not chosen:
        return files
    indices = {file for file in files if _INDEX in file.name}
    own = {file for file in indices if set(chosen) <= set(_shards(file))}
    return [file for file in files if file in chosen or file in own or file not in {*weights, *indices}]


def _unread(file: Path) -> bool:
    return file.name in BESIDE and file.with_name("tokenizer.json").is_file()


def loaded_bytes(profile: Profile) -> int:
    """Return the size of the files that are loaded of the parts that affect an image."""
    parts = ((profile.folder(part), profile.variant) for part in profile.image_parts)
    return sum(file.stat().st_size for folder, variant in parts for file in loaded_files(folder, variant))


def weight_files(folder: Path, variant: str | None = None) -> list[Path]:
    """Return the weight files that `from_pretrained` of diffusers and transformers reads; empty if it finds none."""
    for infix in [*([f".{variant}"] if variant else []), ""]:
        for stem, suffix in _NAMES:
            index = folder / (f"{stem}{suffix}{_INDEX}{infix}.json" if infix else f"{stem}{suffix}{_INDEX}.json")
            if (file := folder / f"{stem}{infix}{suffix}").is_file():
                return [file]
            if index.is_file():
                return _shards(index)
    return []


def variant_in(folder: Path, variant: str | None) -> str | None:
    """Return `variant` if the folder has weights of it, else None."""
    return variant if variant and weight_files(folder, variant) != weight_files(folder) else None


def _shards(index: Path) -> list[Path]:
    names: dict[str, str] = json.loads(index.read_text())["weight_map"]
    return [index.parent / name for name in sorted(set(names.values()))]


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
