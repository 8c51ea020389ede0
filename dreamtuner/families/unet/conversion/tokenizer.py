"""Writes CLIP's tokenizer, whose byte-pair merges ship (OpenAI, MIT; data/LICENCE-clip.txt)."""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from dreamtuner.models.vocabulary import MERGES, MERGES_VERSION, VOCABULARY

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
_MERGES = files(__package__) / "data" / "clip_merges.txt.gz"


def write_tokenizer(folder: Path, *, pad: str = END, length: int = 77) -> None:
    """Write CLIP's tokenizer: vocab.json, merges.txt and its two configs, which every version of transformers reads."""
    vocabulary, merges = _vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOCABULARY).write_text(vocabulary, encoding="utf-8", newline="\n")
    (folder / MERGES).write_text(merges, encoding="utf-8", newline="\n")
    special = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    tokens: dict[str, Any] = {
        "bos_token": {"content": BEGIN, **special},
        "eos_token": {"content": END, **special},
        "pad_token": pad,
        "unk_token": {"content": END, **special},
    }
    marked = {name: one if isinstance(one, str) else {"__type": "AddedToken", **one} for name, one in tokens.items()}
    config = {"do_lower_case": True, "errors": "replace", "model_max_length": length, **marked}
    write_json(folder / "tokenizer_config.json", {**config, "tokenizer_class": "CLIPTokenizer"})
    write_json(folder / "special_tokens_map.json", tokens)


@cache
def _vocabulary() -> tuple[str, str]:
    """Return the contents of vocab.json and merges.txt."""
    merges = gzip.decompress(_MERGES.read_bytes()).decode().splitlines()
    symbols = _byte_symbols()
    words = [*symbols, *(f"{one}</w>" for one in symbols), *("".join(one.split()) for one in merges), BEGIN, END]
    vocabulary = json.dumps({word: i for i, word in enumerate(words)}, ensure_ascii=False)
    return vocabulary + "\n", "\n".join([MERGES_VERSION, *merges]) + "\n"


def _byte_symbols() -> list[str]:
    """Return a printable symbol for each of the 256 bytes, in the order of CLIP's vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(printable)
    return [*map(chr, printable), *(chr(256 + n) for n in range(others))]


def write_json(file: Path, content: object) -> None:
    """Write a JSON file and the folders that lead to it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
