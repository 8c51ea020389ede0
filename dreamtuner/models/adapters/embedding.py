"""Textual-inversion files (arXiv 2208.01618): the vectors in them, their tokens in texts, and whether they fit a model.

Read are the formats of diffusers ({token: vectors}), of A1111 ({"emb_params": vectors}, or a pickle with
"string_to_param"), and of SDXL ({"clip_l": vectors, "clip_g": vectors}). Vectors: N D, or D for one.

An embedding of N vectors is read as N tokens, named as diffusers names them: `tok tok_1 ... tok_N-1`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from dreamtuner.models.adapters.problem import AdapterError, file_of, shapes_in
from dreamtuner.models.profiles import Profile

ENCODERS = ("text_encoder", "text_encoder_2")
_OF_SDXL = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
_PICKLES = (".pt", ".bin")


def token_names(token: str, count: int) -> list[str]:
    """Return the names of the tokens that an embedding of `count` vectors is read as.

    >>> token_names("cat", 3)
    ['cat', 'cat_1', 'cat_2']
    """
    return [token, *(f"{token}_{i}" for i in range(1, count))]


def tokens_in(texts: Sequence[str], tokens: Collection[str]) -> list[str]:
    """Return those of `tokens` that occur in the texts as words, whatever their case, sorted."""
    if not tokens:
        return []
    pattern, names = _pattern(tuple(tokens))
    return sorted({names[found.lower()] for text in texts for found in pattern.findall(text)})


def expand_tokens(text: str, counts: Mapping[str, int]) -> str:
    """Replace each token of `counts` in a text by the names of its vectors. `counts`: vectors by token.

    >>> expand_tokens("a Cat, catty", {"cat": 2})
    'a cat cat_1, catty'
    """
    if not counts:
        return text
    pattern, names = _pattern(tuple(counts))

    def names_of(found: re.Match[str]) -> str:
        token = names[found[0].lower()]
        return " ".join(token_names(token, counts[token]))

    return pattern.sub(names_of, text)


@cache
def _pattern(tokens: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    def whole(token: str) -> str:
        before, after = (r"(?<!\w)" if token[0].isalnum() else ""), (r"(?!\w)" if token[-1].isalnum() else "")
        return before + re.escape(token) + after

    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("|".join(map(whole, longest_first)), re.IGNORECASE), {one.lower(): one for one in tokens}


def vectors_in(file: Path, path: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Return count and width of the vectors for each text encoder. Raises AdapterError."""
    if not file.is_file():
        raise AdapterError(path, f"the file {file} is missing; put it there, or remove it from the profile")
    stat = file.stat()
    return dict(_vectors_in(file, path, stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=256)
def _vectors_in(file: Path, path: tuple[str, ...], mtime_ns: int, size: int) -> dict[str, tuple[int, int]]:
    """`mtime_ns` and `size` are the cache's key: they change when the file does."""
    if file.suffix in _PICKLES:
        shapes = {name: tuple(one.shape) for name, one in _tensors(file, path).items()}
    else:
        shapes = shapes_in(file, path)
    found = {_encoder(name, shapes, file, path): shape for name, shape in shapes.items()}
    if any(len(shape) not in (1, 2) for shape in found.values()):
        raise AdapterError(path, f"{file.name} has no vectors for a token; give a textual inversion")
    return {name: (1, shape[0]) if len(shape) == 1 else (shape[0], shape[1]) for name, shape in found.items()}


def read_embedding(file: Path) -> dict[str, Any]:
    """Return the vectors for each text encoder, as tensors N D. Pickles are opened as weights only."""
    file, path = file_of(file), ("embeddings", file.name)
    tensors = _tensors(file, path)
    named = {_encoder(name, tensors, file, path): one for name, one in tensors.items()}
    return {name: one[None] if one.ndim == 1 else one for name, one in named.items()}


def check_embedding(profile: Profile, token: str) -> None:
    """Raise AdapterError unless the profile's embedding of this token is readable and fits its text encoders."""
    file, path = file_of(profile.embeddings[token]), ("profile", "embeddings", token)
    found = vectors_in(file, path)
    widths = {
        name: _width(profile.folder(name)) for name in ENCODERS if (profile.folder(name) / "config.json").is_file()
    }
    theirs = {name: width for name, (_, width) in found.items()}
    if theirs != widths:
        problem = f"it has {_words(theirs)}, and the model {_words(widths)}"
        raise AdapterError(path, f"{file.name} is of another model than {profile.name}: {problem}")
    if len({count for count, _ in found.values()}) > 1:
        raise AdapterError(path, f"{file.name} has different numbers of vectors for its text encoders; get it again")


def usable_embeddings(profile: Profile) -> dict[str, int]:
    """Return the number of vectors of each of the profile's embeddings, by token, without those that do not fit."""
    found = {}
    for token in profile.embeddings:
        try:
            check_embedding(profile, token)
        except AdapterError:
            continue
        found[token] = vectors_of(profile, token)
    return found


def vectors_of(profile: Profile, token: str) -> int:
    """Return the number of vectors of the profile's embedding of this token. Raises AdapterError."""
    found = vectors_in(file_of(profile.embeddings[token]), ("profile", "embeddings", token))
    return next(iter(found.values()))[0]


def _tensors(file: Path, path: tuple[str, ...]) -> dict[str, Any]:
    """Return the tensors of a file by name; needs torch."""
    import torch
    from safetensors.torch import load_file

    if file.suffix not in _PICKLES:
        shapes_in(file, path)
        return load_file(file)
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AdapterError(path, f"{file.name} is not a pickle of plain tensors ({problem}); convert it") from error
    vectors = content.get("string_to_param", content) if isinstance(content, dict) else {}
    return {str(name): one.detach() for name, one in vectors.items() if isinstance(one, torch.Tensor)}


def _encoder(name: str, all_names: Collection[str], file: Path, path: tuple[str, ...]) -> str:
    if len(all_names) == 1:
        return "text_encoder"
    if name not in _OF_SDXL:
        raise AdapterError(
            path, f"{file.name} has several embeddings ({', '.join(sorted(all_names)[:4])}); give one a file"
        )
    return _OF_SDXL[name]


def _width(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["hidden_size"])


def _words(widths: Mapping[str, int]) -> str:
    return " and ".join(f"{width} channels for {name}" for name, width in widths.items()) or "no vectors"
