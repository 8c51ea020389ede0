"""Builds the pocket model's CLIP tokenizer, with the vocabulary of the world, and an untrained text encoder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from dreamtuner.pocket.world.captions import MEDIUM
from dreamtuner.pocket.world.context import EXPRESSIONS, POSES, SCENES
from dreamtuner.pocket.world.identity import CLASSES, COLOURS, EMBLEMS, EYES, HATS, PATTERNS, SHAPES

MAX_TOKENS = 48
WIDTH = 128
ADDED = ("seen", "from", "behind", "front", "side", "close", "bust")
"""Words added later: their tokens follow all earlier ones, so that training can continue from older weights."""
_GRAMMAR = "a and with the same left right of , white background not without picture"


def _byte_alphabet() -> list[str]:
    """Return the 256 printable characters that represent the bytes in byte-level BPE."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
    return [table[b] for b in range(256)]


def vocabulary_words() -> list[str]:
    """Return every word in captions of the pocket world, in a fixed order: the original ones, then ``ADDED``."""
    phrases = (*CLASSES, *COLOURS, *PATTERNS, *EMBLEMS, *HATS, *EYES, *SHAPES, *SCENES, *POSES, *EXPRESSIONS)
    text = " ".join((*MEDIUM.values(), *phrases, _GRAMMAR))
    return [*sorted(set(re.findall(r"[a-z]+", text))), *ADDED]


def new_tokenizer() -> CLIPTokenizer:
    """Build a byte-level CLIP tokenizer: it encodes any text, and a word of the world as one token."""
    alphabet = _byte_alphabet()
    tokens = [*alphabet, *(c + "</w>" for c in alphabet)]
    merges: list[tuple[str, str]] = []

    def add(words: Iterable[str]) -> None:
        for word in words:
            # from the end of the word, the only place of "</w>", so that merges of one word never split another
            right = word[-1] + "</w>"
            for letter in reversed(word[:-1]):
                if (letter, right) not in merges:
                    merges.append((letter, right))
                    tokens.append(letter + right)
                right = letter + right

    words = vocabulary_words()
    add(words[: -len(ADDED)])
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    add(ADDED)
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    pairs: Any = merges  # transformers annotates str | list[str]; pairs are what its BPE takes
    return CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=MAX_TOKENS)


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Build an untrained text encoder, 2 layers of width 128."""
    return CLIPTextModel(text_config(tokenizer, layers=2))


def text_config(tokenizer: CLIPTokenizer, *, layers: int) -> CLIPTextConfig:
    """Return the text configuration, shared by the U-Net's text encoder and the CLIP model."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def encode_captions(
    tokenizer: CLIPTokenizer, text_encoder: nn.Module, captions: list[str], device: torch.device
) -> Tensor:
    """Encode ``captions`` to text states (B, L, D)."""
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    states: Tensor = text_encoder(tokens.input_ids.to(device)).last_hidden_state
    return states
