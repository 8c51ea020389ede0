"""Text encoding by CLIP: the states of literal and of weighted prompts, and the positions of a word in them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dreamtuner.models.prompt_syntax import chunked, parse
from dreamtuner.settings.sampling import PromptSyntax, TextSettings

_log = logging.getLogger(__name__)
FLAT = 1e-6
"""A mean smaller than this part of the mean of absolute values is rounding, and is not restored."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """A prompt as an encoder reads it: K chunks of T tokens each, T the encoder's length; K = 1 for literal prompts.

    `ids`: K T; `mask`: K T, 0 where padded; `weights`: K T.
    """

    ids: Tensor
    mask: Tensor
    weights: Tensor


def tokens_of(tokenizer: Any, prompt: str, syntax: PromptSyntax) -> Tokens:
    """Tokenize a prompt. A literal one that is too long is truncated, with a warning.

    Raises:
        PromptSyntaxError: a weighted prompt cannot be parsed.
    """
    return _literal(tokenizer, prompt) if syntax == "literal" else _weighted(tokenizer, prompt)


def encode_text(tokenizer: Any, text_encoder: Any, prompt: str, device: torch.device, settings: TextSettings) -> Tensor:
    """Encode one prompt to 1 L D, padded to a multiple of the encoder's length, each chunk on its own.

    Raises ValueError, which names the setting, if a weighted prompt cannot be parsed or clip_skip is too large.
    """
    tokens = tokens_of(tokenizer, prompt, settings.syntax)
    masked = getattr(text_encoder.config, "use_attention_mask", False)
    states = [
        last_states(text_encoder, ids[None].to(device), mask[None].to(device) if masked else None, settings.clip_skip)
        for ids, mask in zip(tokens.ids, tokens.mask, strict=True)
    ]
    return torch.cat([weighted(one, w) for one, w in zip(states, tokens.weights, strict=True)], dim=1)


def last_states(text_encoder: Any, ids: Tensor, mask: Tensor | None, clip_skip: int) -> Tensor:
    """Encode token ids N T to N T D: the output of the last layer but `clip_skip`, then the final layer norm.

    Raises:
        ValueError: the encoder has too few layers.
    """
    if not clip_skip:
        states: Tensor = text_encoder(ids, attention_mask=mask)[0]
        return states
    # the states of the embeddings, and of each layer
    each: Sequence[Tensor] = text_encoder(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    if clip_skip > len(each) - 2:
        raise ValueError(clip_skip_message(clip_skip, len(each) - 1))
    model = getattr(text_encoder, "text_model", text_encoder)
    skipped: Tensor = model.final_layer_norm(each[-(clip_skip + 1)])
    return skipped


def clip_skip_message(clip_skip: int, layers: int) -> str:
    """Return the error of a text encoder that has too few layers."""
    return f"sampling.clip_skip: {clip_skip} of the text encoder's {layers} layers; choose 0 to {layers - 1}"


def weighted(states: Tensor, weights: Tensor) -> Tensor:
    """Multiply the states of one chunk, 1 T D, by their tokens' weights, T, and restore the mean of all values.

    Weights of 1 change nothing.
    """
    if bool((weights == 1).all()):
        return states
    scaled = states * weights.to(states)[:, None]
    mean = scaled.mean()
    # an encoder whose last normalisation is unlearnt has a mean of nothing but rounding, by which nothing is divided
    return scaled * (states.mean() / mean) if mean.abs() > FLAT * scaled.abs().mean() else scaled


def word_places(tokenizer: Any, prompts: Sequence[str], word: str, syntax: PromptSyntax) -> Tensor:
    """Find the positions of `word` in the text states of each prompt: N L bool, L that of the longest."""
    rows = [tokens_of(tokenizer, prompt, syntax).ids.flatten().tolist() for prompt in prompts]
    sought = tokenizer(word, add_special_tokens=False)["input_ids"]
    places = torch.zeros(len(prompts), max(map(len, rows), default=0), dtype=torch.bool)
    for row, ids in enumerate(rows):
        for i in range(len(ids) - len(sought) + 1):
            places[row, i : i + len(sought)] |= ids[i : i + len(sought)] == sought
    return places


def _literal(tokenizer: Any, prompt: str) -> Tokens:
    length = tokenizer.model_max_length
    inputs = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    whole = len(tokenizer(prompt, truncation=False, verbose=False)["input_ids"])
    if whole > length:
        _log.warning("prompt %r has %d tokens, the model reads %d; the end is truncated", prompt, whole, length)
    return Tokens(inputs["input_ids"], inputs["attention_mask"], torch.ones(1, length))


def _weighted(tokenizer: Any, prompt: str) -> Tokens:
    """Tokenize each fragment on its own, and fill chunks: begin, tokens, end, padding."""
    length = tokenizer.model_max_length
    sections = [
        [
            (token, fragment.weight)
            for fragment in section
            for token in tokenizer(fragment.text, add_special_tokens=False, verbose=False)["input_ids"]
        ]
        for section in parse(prompt, tokenizer.get_added_vocab())
    ]
    begin, end, pad = ((one, 1.0) for one in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id))
    chunks = chunked(sections, length - 2, tokenizer.get_vocab().get(",</w>"))
    rows = [[begin, *chunk, end, *[pad] * (length - 2 - len(chunk))] for chunk in chunks]
    return Tokens(
        torch.tensor([[token for token, _ in row] for row in rows]),
        torch.tensor([[int(i < len(chunk) + 2) for i in range(length)] for chunk in chunks]),
        torch.tensor([[weight for _, weight in row] for row in rows]),
    )
