"""Where one token of a picture looked: the softmax of Eq. 2-3 for one query, put back on the references' grids.

Shapes: h heads, L tokens of the picture, R of a reference, F <= R of them subject, d channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamtuner.attention.self_subject import SubjectKeys


def query_weights(q: Tensor, k: Tensor, subject: SubjectKeys | None) -> Tensor:
    """softmax( q [k, k_r]^T / sqrt(d) + log m ) of one query. q: h d; k: h L d. Returns h (L + F), rows sum to 1."""
    own = (k @ q[..., None])[..., 0]
    if subject is not None:
        own = torch.cat([own, (subject.k_r[0] @ q[..., None])[..., 0]], dim=1)
    scores = own.float() / q.shape[-1] ** 0.5
    if subject is not None:
        scores[:, k.shape[1] :] += subject.log_m.float()
    return torch.softmax(scores, dim=-1)


@dataclass(frozen=True, eq=False)
class QueryAttention:
    """What one query token attended to in one layer at one step. All its weights together sum to 1 in every head.

    `grid`: rows and columns of the layer's tokens, the picture's and the references' alike; `own`: h L, on the
    picture's own tokens; `references`: h R each, zero where the reference has no subject.
    """

    grid: tuple[int, int]
    own: Tensor
    references: tuple[Tensor, ...]

    @property
    def share(self) -> float:
        """How much of the attention went to the references at all, 0..1, mean over heads."""
        return sum(float(weights.sum(dim=1).mean()) for weights in self.references)

    def patches(self, reference: int = 0) -> Tensor:
        """The weights on a reference's patches, mean over heads: rows x columns; they sum to its part of `share`."""
        return self.references[reference].mean(dim=0).view(self.grid)

    def even_share(self, w_ref: float) -> float:
        """The share of a query that is equally near to all tokens, by their weights alone: w_ref F / (L + w_ref F)."""
        subject = w_ref * sum(int((weights > 0).any(dim=0).sum()) for weights in self.references)
        return subject / (self.own.shape[1] + subject)


def query_attention(weights: Tensor, grid: tuple[int, int], kept: Sequence[Tensor | None]) -> QueryAttention:
    """Take `query_weights` apart. `kept`: of each reference, in order, its tokens' places in the grid, or None: unseen.

    ValueError where the places do not add up to the weights.
    """
    count = grid[0] * grid[1]
    sizes = [0 if places is None else len(places) for places in kept]
    if weights.shape[1] not in (count, count + sum(sizes)):
        raise ValueError(f"{weights.shape[1]} weights are not {count} of the picture and {sum(sizes)} of references")
    own, seen = weights[:, :count], weights[:, count:]
    references, first = [], 0
    for places, size in zip(kept, sizes, strict=True):
        whole = weights.new_zeros(len(weights), count)
        if places is not None and seen.shape[1]:
            whole[:, places] = seen[:, first : first + size]
            first += size
        references.append(whole)
    return QueryAttention(grid, own, tuple(references))
