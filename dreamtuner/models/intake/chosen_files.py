"""Chooses, of all files of a repository, those that are loaded; works on names alone, before anything is downloaded.

The rule is that of `models.weights.loaded_files`: configs, vocabularies, and one set of weights a part, the variant's
if it has one, safetensors before .bin. Safety checkers and examples are never loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dreamtuner.models.intake.errors import IntakeError

INDEX = "model_index.json"
_STEMS = [
    *((stem, "safetensors") for stem in ("diffusion_pytorch_model", "model")),
    *((stem, "bin") for stem in ("diffusion_pytorch_model", "pytorch_model")),
]
_TEXTS = (".json", ".txt", ".model")


def chosen_of_pipeline(names: Iterable[str], parts: Iterable[str], variant: str | None) -> list[str]:
    """Return the files of these parts, and model_index.json.

    Raises IntakeError for a part without files or weights, and for a variant that no part has.
    """
    names = list(names)
    inside = {part: _inside(names, part) for part in parts}
    if lacking := next((part for part, found in inside.items() if not found), None):
        raise IntakeError(f"it has no folder {lacking}; the folders are: {', '.join(_folders(names)) or 'none'}")
    if variant and not any(_of_variant(found, variant) for found in inside.values()):
        raise IntakeError(f"it has no weights of the variant {variant!r}; {_variants(names)}")
    index = [one for one in (INDEX,) if one in names]
    return [*index, *(f"{part}/{one}" for part, found in inside.items() for one in _chosen(found, variant, part))]


def chosen_of_model(names: Iterable[str], path: str, variant: str | None) -> list[str]:
    """Return the files of one model, such as a ControlNet, whose folder `path` is (empty: the repository's root).

    Raises IntakeError if it has no weights there.
    """
    inside = _inside(list(names), path)
    if not inside:
        raise IntakeError(f"it has no folder {path!r}; correct the path after owner/name")
    return [f"{path}/{one}" if path else one for one in _chosen(inside, variant, path or "it")]


def _inside(names: list[str], folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    inside = (one.removeprefix(start) for one in names if one.startswith(start))
    return [one for one in inside if "/" not in one]


def _folders(names: list[str]) -> list[str]:
    return sorted({one.partition("/")[0] for one in names if "/" in one})


def _chosen(inside: list[str], variant: str | None, part: str) -> list[str]:
    texts = [one for one in inside if one.endswith(_TEXTS) and ".index" not in one]
    for infix in [*([variant] if variant else []), None]:
        for stem, suffix in _STEMS:
            if weights := _set(inside, stem, suffix, infix):
                return [*texts, *weights]
    if "config.json" in inside and not part.startswith(("tokenizer", "scheduler")):
        raise IntakeError(f"{part} has no weights that diffusers opens; {_variants(inside)}")
    return texts


def _set(inside: list[str], stem: str, suffix: str, infix: str | None) -> list[str]:
    """Return one set of weights: one file, or its shards with their index; empty if it is not there."""
    dotted = f".{infix}" if infix else ""
    if (whole := f"{stem}{dotted}.{suffix}") in inside:
        return [whole]
    index = f"{stem}.{suffix}.index{dotted}.json"
    shard = re.compile(rf"{re.escape(stem + dotted)}-\d+-of-\d+(?:{re.escape(dotted)})?\.{suffix}")
    shards = [one for one in inside if shard.fullmatch(one)]
    return [index, *shards] if index in inside and shards else []


def _of_variant(inside: list[str], variant: str) -> list[str]:
    return [one for stem, suffix in _STEMS for one in _set(inside, stem, suffix, variant)]


def _variants(names: list[str]) -> str:
    pattern = re.compile(
        r"(?:^|/)(?:diffusion_pytorch_model|model|pytorch_model)(?:\.([\w-]+?))?\.(?:safetensors|bin)$"
    )
    found = sorted({match[1] for one in names if (match := pattern.search(one)) and match[1]})
    return f"its variants are: {', '.join(found)}" if found else "it has no variants"
