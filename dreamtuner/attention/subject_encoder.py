"""Subject-encoder-attention, S-E-A (Eq. 1): h <- h + beta * S-E-A(h, SE(r)), one layer per transformer block.

Decided where the paper is silent: the tokens of several references are joined along the token axis, and those of a
reference of weight w count w times in the softmax, as they would if they were there w times (log w is added to their
scores, as in Eq. 3). The softmax is over subject tokens alone, so only ratios of weights matter here.

Shapes: B rows, L tokens of an image, T subject tokens, C channels of the block, D of the subject tokens, h heads.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamtuner.attention.by_region import Regions


class TokenKeys(NamedTuple):
    """Keys and values of a subject's tokens for one layer, each 1|B h T C/h.

    `log_w`: the logarithm of each token's weight, T; None: all weigh the same.
    """

    k: Tensor
    v: Tensor
    log_w: Tensor | None = None


class RegionalTokens(NamedTuple):
    """The tokens of several subjects, each seen in its region alone. `each`: by region, None: no subject."""

    regions: Regions
    each: Sequence[TokenKeys | None]


LayerTokens = TokenKeys | RegionalTokens
"""What the rows of a group see in one layer."""


def join_tokens(each: Sequence[tuple[Mapping[str, TokenKeys] | None, float]]) -> Mapping[str, TokenKeys] | None:
    """Join the tokens of several references of one subject, layer by layer; None if there are none.

    `each`: a reference's keys by layer, or None, and its weight, > 0. Equal weights add nothing to the scores.
    """
    present = [(keys, weight) for keys, weight in each if keys is not None]
    if len(present) <= 1:
        return present[0][0] if present else None
    equal = len({weight for _, weight in present}) == 1
    joined = {}
    for name in present[0][0]:
        layers = [(keys[name], weight) for keys, weight in present]
        weights = None
        if not equal:
            weights = torch.cat([one.k.new_full((one.k.shape[2],), log(weight)) for one, weight in layers])
        k, v = torch.cat([one.k for one, _ in layers], 2), torch.cat([one.v for one, _ in layers], 2)
        joined[name] = TokenKeys(k, v, weights)
    return joined


class SubjectEncoderAttention(nn.Module):
    """A cross-attention layer with its own norm; `to_out` is initialised to zero, so a new layer changes nothing.

    It is placed between self-attention and text cross-attention. `groups` states which rows of the batch see which
    subject: (row count, keys or None), in order; None: no row sees any. `beta` scales the layer's output.
    """

    def __init__(self, channels: int, heads: int, token_channels: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(token_channels, channels, bias=False)
        self.to_v = nn.Linear(token_channels, channels, bias=False)
        self.to_out = nn.Linear(channels, channels)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)
        self.groups: Sequence[tuple[int, LayerTokens | None]] | None = None
        self.beta = 0.0

    def keys(self, tokens: Tensor) -> TokenKeys:
        """Compute keys and values of subject tokens, B T D. They are the same at every step, so once is enough."""
        return TokenKeys(self._split(self.to_k(tokens)), self._split(self.to_v(tokens)))

    def forward(self, h: Tensor, _: object = None) -> Tensor:
        """Add the layer's output to h, B L C. Rows that see no subject are returned bit-identical."""
        if self.groups is None or self.beta == 0:
            return h
        parts = []
        for part, (_, keys) in zip(h.split([rows for rows, _ in self.groups]), self.groups, strict=True):
            parts.append(self._added(part, keys))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _added(self, h: Tensor, keys: LayerTokens | None) -> Tensor:
        if keys is None:
            return h
        if isinstance(keys, RegionalTokens):
            seen = (*keys.each, None)
            return keys.regions.apply(h, lambda i, h_i: self._added(h_i, seen[i]), dim=1)
        return h + self.beta * self._attend(h, keys)

    def _attend(self, h: Tensor, keys: TokenKeys) -> Tensor:
        q = self._split(self.to_q(self.norm(h)))
        k, v = (x.expand(len(h), -1, -1, -1) for x in (keys.k, keys.v))
        log_w = None if keys.log_w is None else keys.log_w.to(q.dtype)[None, None, None]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=log_w).transpose(1, 2).flatten(2)
        out: Tensor = self.to_out(mixed)
        return out

    def _split(self, x: Tensor) -> Tensor:
        """B T (h d) -> B h T d."""
        split: Tensor = x.unflatten(-1, (self.heads, -1))
        return split.transpose(1, 2)
