"""Self-subject-attention, S-S-A (Eq. 2-3), as pure tensor functions: the formula, and a fast form without background.

    S-S-A(z, z_r) = softmax( q [k, k_r]^T / sqrt(d) + log m ) [v, v_r],     m = [1, w_ref * m_r]

Shapes: B images, h heads, L tokens of an image, R tokens of the reference, F <= R of them subject, d channels.
The paper's m_r is binary; here any weight >= 0 is accepted. Several references are joined by `concatenate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Attendable(Protocol):
    """What rows of a layer attend to besides or instead of their own tokens: subject keys, or those of a baseline."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute the attention of the rows. q, k, v: B h L d. Returns B h L d."""
        ...


@dataclass(frozen=True, eq=False)
class SubjectKeys:
    """The tokens of a reference with weight > 0. `k_r`, `v_r`: 1|B h F d; `log_m`: F, log(w_ref * m_r), finite."""

    k_r: Tensor
    v_r: Tensor
    log_m: Tensor

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute Eq. 2-3 in its fast form. q, k, v: B h L d. Returns B h L d.

        log m is a single row that broadcasts over images, heads and queries; on a CPU this measured faster than an
        extra channel in q and k.
        """
        keys = torch.cat([k, self.k_r.expand(len(k), -1, -1, -1)], dim=2)
        values = torch.cat([v, self.v_r.expand(len(v), -1, -1, -1)], dim=2)
        log_m = F.pad(self.log_m.to(q.dtype), (k.shape[2], 0))
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=log_m[None, None, None])


def self_subject_attention(
    q: Tensor, k: Tensor, v: Tensor, k_r: Tensor, v_r: Tensor, m_r: Tensor, w_ref: float
) -> Tensor:
    """Compute Eq. 2-3 as written. q, k, v: B h L d; k_r, v_r: 1|B h R d; m_r: R, >= 0; w_ref >= 0. Returns B h L d.

    Where m is 0, log m is -inf and the token has weight zero. This form is slow and obvious: the fast form is tested
    against it.
    """
    m = torch.cat([m_r.new_ones(k.shape[2]), w_ref * m_r])
    keys = torch.cat([k, k_r.expand(len(k), -1, -1, -1)], dim=2)
    values = torch.cat([v, v_r.expand(len(v), -1, -1, -1)], dim=2)
    # 0 * NaN is NaN: a token of weight zero must not poison the sum, so its value is set to zero as well
    values = values.masked_fill((m == 0)[:, None], 0)
    scores = q @ keys.transpose(-1, -2) / q.shape[-1] ** 0.5
    return torch.softmax(scores.masked_fill(m == 0, 0) + m.log(), dim=-1) @ values


def subject_keys(k_r: Tensor, v_r: Tensor, m_r: Tensor, w_ref: float) -> SubjectKeys | None:
    """Select the tokens of non-zero weight. k_r, v_r: 1|B h R d; m_r: R.

    Returns None if there are none, never zeros.
    """
    m = w_ref * m_r
    positions = m.nonzero()[:, 0]
    if len(positions) == 0:
        return None
    return SubjectKeys(k_r[:, :, positions], v_r[:, :, positions], m[positions].log())


def concatenate(references: Sequence[SubjectKeys | None]) -> SubjectKeys | None:
    """Join several references, [k, k_r1, k_r2, ...] (Sec. 3.2). Absent ones are skipped; returns None if all are."""
    present = [reference for reference in references if reference is not None]
    if len(present) <= 1:
        return present[0] if present else None
    return SubjectKeys(
        torch.cat([reference.k_r for reference in present], dim=2),
        torch.cat([reference.v_r for reference in present], dim=2),
        torch.cat([reference.log_m for reference in present]),
    )


def attend(q: Tensor, k: Tensor, v: Tensor, subject: Attendable | None) -> Tensor:
    """Compute attention with a subject, or without one. q, k, v: B h L d. Returns B h L d.

    Without a subject this makes the same call as diffusers' stock processor, so the result is bit-identical to the
    plain model's.
    """
    return F.scaled_dot_product_attention(q, k, v) if subject is None else subject.attend(q, k, v)
