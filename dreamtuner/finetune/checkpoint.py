"""Checkpoints of fine-tuned subjects as bytes: one safetensors file with weights and metadata. Never reads pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from dreamtuner.finetune.result import Checkpoint
from dreamtuner.settings.finetune import FineTuneConfig
from dreamtuner.settings.recipe_fields import from_fields, to_fields

KEY, FORMAT = "dreamtuner", 1
CONTENT_TYPE = "application/vnd.safetensors"


class CheckpointError(ValueError):
    """The bytes are not a checkpoint of a subject; the message says what they are and what to give."""


def to_bytes(tuned: Checkpoint, recipe: Mapping[str, Any]) -> bytes:
    """Serialise a checkpoint. `recipe`: the digests and settings that it was trained from, as JSON values."""
    about = {
        "format": FORMAT,
        "class_word": tuned.class_word,
        "settings": to_fields(tuned.settings),
        "recipe": dict(recipe),
    }
    return save(dict(tuned.tensors), metadata={KEY: json.dumps(about, sort_keys=True)})


def from_bytes(data: bytes, *, name: str = "checkpoint") -> Checkpoint:
    """Deserialise what `to_bytes` wrote. `name`: how error messages name the bytes.

    Raises:
        CheckpointError: they are a pickle, damaged, or another kind of safetensors file.
    """
    about = _about(data, name)
    try:
        settings = from_fields(FineTuneConfig, about["settings"])
        return Checkpoint(settings, str(about["class_word"]), load(data))
    except (KeyError, ValidationError, SafetensorError) as error:
        raise CheckpointError(f"{name}: it is damaged or of another version ({error}); fine-tune again") from error


def recipe_of(data: bytes, *, name: str = "checkpoint") -> dict[str, Any]:
    """Return the recipe that was given to `to_bytes`. Raises CheckpointError."""
    recipe: dict[str, Any] = _about(data, name)["recipe"]
    return recipe


def _about(data: bytes, name: str) -> dict[str, Any]:
    if data[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):  # torch.save: a zip of pickles, or one
        raise CheckpointError(f"{name}: it is a pickle, which can run code; only safetensors files are read")
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length]) if 8 + length <= len(data) else {}
        about: dict[str, Any] = json.loads(header["__metadata__"][KEY])
        return about
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{name}: it is not a checkpoint of a subject; give one that finetune wrote") from error
