"""Writes a CLIP tokenizer's vocabulary as transformers 4 reads it, beside the tokenizer.json of transformers 5."""

import json
from pathlib import Path

from dreamtuner.models.weights import BESIDE

VOCABULARY, MERGES, ADDED = BESIDE
MERGES_VERSION = "#version: 0.2"


def write_vocabulary(folder: Path) -> list[Path]:
    """Write vocab.json, merges.txt and, if tokens were added, added_tokens.json from the tokenizer.json of a folder.

    Returns the files written: none if the folder has no byte-pair tokenizer.json.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        return []
    stated = json.loads(file.read_text(encoding="utf-8"))
    model = stated["model"]
    if model.get("type") != "BPE":
        return []
    vocabulary = dict(model["vocab"])
    for one in stated["added_tokens"]:
        if one["special"]:  # part of the vocabulary in the older layout
            vocabulary.setdefault(one["content"], one["id"])
    added = {one["content"]: one["id"] for one in stated["added_tokens"] if one["content"] not in vocabulary}
    merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    _write(folder / VOCABULARY, json.dumps(vocabulary, ensure_ascii=False))
    _write(folder / MERGES, "\n".join([MERGES_VERSION, *merges]) + "\n")
    if added:
        _write(folder / ADDED, json.dumps(added, ensure_ascii=False, indent=2) + "\n")
    return [folder / name for name in BESIDE if name != ADDED or added]


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")
