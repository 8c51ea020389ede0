"""Attention maps: the softmax of Eq. 2-3 for one query token, mapped back to the grids of the references.

Shapes: h heads, L tokens of the image, R of a reference, F <= R of them subject, d channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

import torch
from torch import Tensor

from dreamtuner.attention.self_subject import SubjectKeys


def stride(length: int, tokens: int) -> int:
    """Return how much of a side one token covers: the power of two by which a model halves `length` to `tokens`.

    Each halving rounds up, so the last token may cover less. If the tokens divide the side, the result is exact.
    """
    return length // tokens if length % tokens == 0 else 1 << ceil(log2(length / tokens))


def query_weights(q: Tensor, k: Tensor, subject: SubjectKeys | None) -> Tensor:
    """Compute softmax( q [k, k_r]^T / sqrt(d) + log m ) of one query. q: h d; k: h L d.

    Returns h (L + F); rows sum to 1.
    """
    own = (k @ q[..., None])[..., 0]
    if subject is not None:
        own = torch.cat([own, (subject.k_r[0] @ q[..., None])[..., 0]], dim=1)
    scores = own.float() / q.shape[-1] ** 0.5
    if subject is not None:
        scores[:, k.shape[1] :] += subject.log_m.float()
    return torch.softmax(scores, dim=-1)


@dataclass(frozen=True, eq=False)
class QueryAttention:
    """The attention of one query token in one layer at one step. Its weights sum to 1 in every head.

    `grid`: rows and columns of the layer's tokens in the image; `own`: h L, weights on the image's own tokens;
    `references`: h R each, zero outside the subject; `grids`: rows and columns of each reference.
    """

    grid: tuple[int, int]
    own: Tensor
    references: tuple[Tensor, ...]
    grids: tuple[tuple[int, int], ...]

    @property
    def share(self) -> float:
        """The share of the attention that went to the references, 0..1, mean over heads."""
        return sum(float(weights.sum(dim=1).mean()) for weights in self.references)

    def patches(self, reference: int = 0) -> Tensor:
        """Return the weights on a reference's patches, mean over heads: rows x columns.

        They sum to its part of `share`.
        """
        return self.references[reference].mean(dim=0).view(self.grids[reference])

    def even_share(self, w_ref: float) -> float:
        """Return the share of a query that is equally similar to all tokens: w_ref F / (L + w_ref F)."""
        subject = w_ref * sum(int((weights > 0).any(dim=0).sum()) for weights in self.references)
        return subject / (self.own.shape[1] + subject)


def query_attention(
    weights: Tensor,
    grid: tuple[int, int],
    positions: Sequence[Tensor | None],
    grids: Sequence[tuple[int, int]] | None = None,
) -> QueryAttention:
    """Split the result of `query_weights` by source and map it back to the grids.

    `positions`: for each reference, in order, the grid indices of its tokens, or None if the layer did not see it;
    `grids`: the rows and columns of each; None: the image's. Raises ValueError if the counts do not add up.
    """
    count = grid[0] * grid[1]
    each = tuple(grids) if grids is not None else (grid,) * len(positions)
    sizes = [0 if places is None else len(places) for places in positions]
    if weights.shape[1] not in (count, count + sum(sizes)):
        raise ValueError(f"{weights.shape[1]} weights are not {count} of the image and {sum(sizes)} of references")
    own, seen = weights[:, :count], weights[:, count:]
    references, first = [], 0
    for places, size, (rows, columns) in zip(positions, sizes, each, strict=True):
        whole = weights.new_zeros(len(weights), rows * columns)
        if places is not None and seen.shape[1]:
            whole[:, places] = seen[:, first : first + size]
            first += size
        references.append(whole)
    return QueryAttention(grid, own, tuple(references), each)
