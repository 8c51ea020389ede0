"""The learned token [S*] (Sec. 3.3): added to a tokenizer, with one embedding beside a frozen embedding table."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def with_token(tokenizer: Any, word: str) -> Any:
    """Return a copy of the tokenizer that reads `word` as one token, the last of its vocabulary.

    Raises:
        ValueError: the tokenizer has this token already.
    """
    extended = copy.deepcopy(tokenizer)
    extended.add_tokens([word])
    if extended.convert_tokens_to_ids(word) != len(tokenizer):
        raise ValueError(f"word: {word!r} is a token of this model already; choose another, or set lr.word to null")
    return extended


def word_of(text_encoder: str) -> str:
    """Return the name of the token's module and tensors beside this text encoder: text_encoder_2 -> word_2."""
    return text_encoder.replace("text_encoder", "word")


def initial_embedding(tokenizer: Any, table: Tensor, words: str) -> Tensor:
    """Return the initial embedding of [S*]: the mean of the embeddings of `words`, 1 D. table: V D.

    Raises:
        ValueError: `words` is empty.
    """
    ids = tokenizer(words, add_special_tokens=False)["input_ids"]
    if not ids:
        raise ValueError(f"init: {words!r} contains no word to start from; give one")
    return table[torch.tensor(ids, device=table.device)].mean(0, keepdim=True)


class TokenEmbedding(nn.Module):
    """A table of token embeddings with one additional trainable row, whose id follows the table's last."""

    def __init__(self, table: nn.Embedding, row: Tensor) -> None:
        super().__init__()
        self.table = table
        self.row = nn.Parameter(row.detach().clone())

    def forward(self, ids: Tensor) -> Tensor:
        """Look up token ids B L. Returns B L D."""
        last = self.table.weight.shape[0]
        ours = (ids == last).unsqueeze(-1)
        known: Tensor = self.table(ids.clamp(max=last - 1))
        return torch.where(ours, self.row.to(known.dtype), known)  # the row may be trained in float32


@contextmanager
def token_added(text_encoder: Any, row: Tensor) -> Iterator[TokenEmbedding]:
    """Add one token with the embedding `row` (1 D) to the text encoder inside the context; restore it on exit."""
    table = text_encoder.get_input_embeddings()
    embedding = TokenEmbedding(table, row)
    text_encoder.set_input_embeddings(embedding)
    try:
        yield embedding
    finally:
        text_encoder.set_input_embeddings(table)
