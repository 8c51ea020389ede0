"""Textual inversion (arXiv 2208.01618): tokens added to a tokenizer and a text encoder inside a context."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor, nn

from dreamtuner.models.adapters.embedding import token_names


class AddedTokens(nn.Module):
    """An embedding table with further rows, K D, for the token ids from `first` on."""

    def __init__(self, table: nn.Module, rows: Tensor, first: int) -> None:
        super().__init__()
        self.table, self.first = table, first
        self.rows: Tensor
        self.register_buffer("rows", rows, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Look up token ids B L. Returns B L D."""
        place = (ids - self.first).clamp(0, len(self.rows) - 1)
        ours = (ids >= self.first) & (ids < self.first + len(self.rows))
        known: Tensor = self.table(ids.masked_fill(ours, 0))
        return torch.where(ours.unsqueeze(-1), self.rows[place].to(known.dtype), known)


def with_tokens(tokenizer: Any, counts: Mapping[str, int]) -> Any:
    """Return a copy of the tokenizer that also reads the names of each embedding's vectors. `counts`: by token.

    Raises:
        ValueError: one of the names is a token of the model already.
    """
    extended = copy.deepcopy(tokenizer)
    for token, count in counts.items():
        names = token_names(token, count)
        known = set(names) & set(extended.get_vocab())
        if known or extended.add_tokens([AddedToken(name, normalized=False) for name in names]) != count:
            taken = ", ".join(sorted(known)) or token
            raise ValueError(f"embeddings.{token}: {taken} is a token of this model already; give it another name")
    return extended


@contextmanager
def tokens_added(text_encoder: Any, rows: Tensor, first: int) -> Iterator[None]:
    """Add tokens with the embeddings `rows` (K D), ids from `first` on, inside the context; remove them on exit."""
    table = text_encoder.get_input_embeddings()
    weight = next(table.parameters())
    text_encoder.set_input_embeddings(AddedTokens(table, rows.to(weight.device, weight.dtype), first))
    try:
        yield
    finally:
        text_encoder.set_input_embeddings(table)
