"""Text encoding by CLIP: the hidden states of a prompt, and the positions of a word in them."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


def encode_text(tokenizer: Any, text_encoder: Any, prompt: str, device: torch.device) -> Tensor:
    """Encode one prompt to 1 L D, padded to the encoder's length. A longer prompt is truncated, with a warning."""
    length = tokenizer.model_max_length
    inputs = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    whole = len(tokenizer(prompt, truncation=False, verbose=False)["input_ids"])
    if whole > length:
        _log.warning("prompt %r has %d tokens, the model reads %d; the end is truncated", prompt, whole, length)
    masked = getattr(text_encoder.config, "use_attention_mask", False)
    mask = inputs["attention_mask"].to(device) if masked else None
    states: Tensor = text_encoder(inputs["input_ids"].to(device), attention_mask=mask)[0]
    return states


def word_places(tokenizer: Any, prompts: Sequence[str], word: str) -> Tensor:
    """Find the positions of `word` in the text states of each prompt: N L bool."""
    length = tokenizer.model_max_length
    tokens = tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True)["input_ids"]
    sought = tokenizer(word, add_special_tokens=False)["input_ids"]
    places = torch.zeros(len(prompts), length, dtype=torch.bool)
    for row, ids in enumerate(tokens):
        for i in range(len(ids) - len(sought) + 1):
            places[row, i : i + len(sought)] |= ids[i : i + len(sought)] == sought
    return places
