"""Completes a saved diffusers folder so that diffusers 0.35 with transformers 4 opens it as well."""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dreamtuner.models.vocabulary import write_vocabulary

_HEAD = "text_model."


def make_portable(folder: Path) -> None:
    """Write what older libraries read into the text encoders and tokenizers of a folder; nothing else changes.

    transformers 5 saves tokenizers as tokenizer.json alone and names a CLIPTextModel's weights without "text_model.";
    transformers 4 needs vocab.json and merges.txt and starts from random weights where it does not find its names.
    Every version reads the result.
    """
    for config in sorted(folder.glob("text_encoder*/config.json")):
        if json.loads(config.read_text(encoding="utf-8")).get("model_type") == "clip_text_model":
            for weights in sorted(config.parent.glob("*.safetensors")):
                _name_in_full(weights)
    for tokenizer in sorted(folder.glob("*/tokenizer.json")):
        write_vocabulary(tokenizer.parent)


def load_as_float32(folder: Path) -> None:
    """Have transformers load text encoders as float32 whatever their files hold, as diffusers loads its models."""
    for file in sorted(folder.glob("text_encoder*/config.json")):
        config = json.loads(file.read_text(encoding="utf-8"))
        config.pop("torch_dtype", None)
        file.write_text(json.dumps({**config, "dtype": "float32"}, indent=2) + "\n", encoding="utf-8")


def _name_in_full(weights: Path) -> None:
    with safe_open(weights, "pt") as opened:
        names, metadata = list(opened.keys()), opened.metadata()
    flat = [name for name in names if name.startswith(("embeddings.", "encoder.", "final_layer_norm."))]
    if not flat:
        return
    renamed = {_HEAD + name if name in flat else name: one for name, one in load_file(weights).items()}
    partial = weights.with_name(f".{weights.name}.partial")
    try:
        save_file(renamed, partial, metadata=metadata)
        partial.replace(weights)
    finally:
        partial.unlink(missing_ok=True)
