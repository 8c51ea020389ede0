"""The reference pass (Sec. 3.2): noise the reference to every timestep of a schedule and capture keys and values once.

Decided where the paper is silent:
- x^r_t is noised by the forward process of the model's training, whatever the scheduler, with one noise sample per
  (reference, step): both branches of a step use the same noise, at their own noise levels.
- A token of a layer counts as subject (m_r = 1) when at least half of its area is. If a thin subject covers half of no
  token of a coarse layer, the tokens that hold most of it are used, so that the layer is not left without a subject.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamtuner.attention.maps import stride
from dreamtuner.attention.self_subject import SubjectKeys
from dreamtuner.attention.subject_layers import Captured, LastLayerReached, Layers, SelfSubject
from dreamtuner.families.text_states import TextStates
from dreamtuner.sampling.loop import cell_noise, seeded


class Row(NamedTuple):
    """One row of the reference pass: x^r at `timestep`, under the noise of `step`."""

    step: int
    timestep: float


@dataclass(frozen=True, eq=False)
class ReferenceFeatures:
    """Keys and values of a reference for all steps. They are held in memory and recomputed, never stored.

    `rows`: Row -> index; `layers`: layer's name -> k_r, v_r of shape `rows heads F d`, and log(w_ref * m_r): F.
    """

    rows: Mapping[Row, int]
    layers: Mapping[str, tuple[Tensor, Tensor, Tensor]]

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return sum(k.nbytes + v.nbytes for k, v, _ in self.layers.values())

    def at(self, row: Row) -> Layers:
        """Return the subject keys of one row, 1 h F d per layer. Raises KeyError if the row was not encoded."""
        i = self.rows[row]
        return {name: SubjectKeys(k[i : i + 1], v[i : i + 1], m) for name, (k, v, m) in self.layers.items()}


def reference_digest(image: Image.Image) -> str:
    """Return the SHA-256 of the reference's size and RGB pixels. It seeds lambda and noise; the mask does not."""
    return sha256(f"({image.width}, {image.height})".encode() + image.convert("RGB").tobytes()).hexdigest()


def foreground_tokens(m_r: Tensor, grids: Iterable[tuple[int, int]]) -> dict[int, Tensor]:
    """Return a layer's token count -> indices of its subject tokens. m_r: H W in [0, 1]; grids: token rows and columns.

    Raises ValueError if the mask is empty.
    """
    if not m_r.any():
        raise ValueError("reference: the mask is empty; pass None for an absent subject, not a mask of zeros")
    tokens: dict[int, Tensor] = {}
    for grid in grids:
        share = pooled(m_r[None, None].float(), grid).flatten()
        subject = share >= min(0.5, float(share.max()))
        tokens[len(share)] = subject.nonzero()[:, 0]
    return tokens


def pooled(share: Tensor, grid: tuple[int, int]) -> Tensor:
    """Average N C H W over the area of each token of a grid of rows and columns: N C rows columns.

    Where a level rounds up, its last row and column of tokens cover less of the image than the others (`stride`).
    """
    sides = share.shape[2:]
    if all(length % count == 0 for length, count in zip(sides, grid, strict=True)):
        return F.adaptive_avg_pool2d(share, grid)
    kernel = [stride(length, count) for length, count in zip(sides, grid, strict=True)]
    means = F.avg_pool2d(share, kernel, ceil_mode=True, count_include_pad=False)
    return means if means.shape[2:] == grid else F.adaptive_avg_pool2d(share, grid)


def encode_reference(
    ssa: SelfSubject,
    predict: Callable[[Tensor, Tensor, TextStates], Tensor],
    noised: Callable[[Tensor, Tensor, float], Tensor],
    x_0: Tensor,
    c_r: TextStates,
    foreground: Mapping[int, Tensor],
    rows: Iterable[Row],
    *,
    w_ref: float,
    digest: str,
    noise_seed: int | None = None,
    chunk: int = 32,
    last: str | None = None,
) -> ReferenceFeatures:
    """Encode all rows in one pass, `chunk` at a time. x_0: C H W latents; c_r: one row, the reference's own caption.

    `noise_seed`: x_0 is noised with the noise of this seed in every step, as an image starts from it, instead of one of
    its digest and the step. `last`: the self-attention layer that a call reaches last, where it may end.

    `predict(x, t, c)` calls the denoiser that `ssa` is attached to; `noised` is its forward process. The result equals
    that of a separate pass at every step, at far lower cost.
    """
    wanted: Sequence[Row] = sorted(set(rows))
    if not wanted:  # a plan may never use the reference, as with w_r = 0 and p_r = 1
        return ReferenceFeatures({}, {})
    index = {row: i for i, row in enumerate(wanted)}
    c, h, w = x_0.shape

    def x_r(row: Row) -> Tensor:
        if noise_seed is None:
            noise = torch.randn(x_0.shape, generator=seeded(digest, "noise", row.step)).to(x_0)
        else:
            noise = cell_noise([torch.Generator().manual_seed(noise_seed)], (c, h, w))[0].to(x_0)
        return noised(x_0, noise, row.timestep)

    pieces: list[Captured] = []
    for first in range(0, len(wanted), chunk):
        part = wanted[first : first + chunk]
        t = torch.tensor([row.timestep for row in part], device=x_0.device)
        # a capture for each piece: compiled layers would be compiled again for every piece that they hold already
        with ssa.capture(foreground, last=last) as captured, suppress(LastLayerReached):
            predict(torch.stack([x_r(row) for row in part]), t, c_r.repeat_interleave(len(part)))
        pieces.append(captured)
    log_w = x_0.new_tensor(w_ref).log()
    return ReferenceFeatures(index, {n: (k, v, log_w.repeat(k.shape[2])) for n, (k, v) in _concatenated(pieces)})


def _concatenated(pieces: Sequence[Captured]) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """Concatenate the rows of pieces, layer by layer; the pieces' own are freed on the way."""
    for name in list(pieces[0]):
        keys, values = zip(*[piece.pop(name) for piece in pieces], strict=True)
        yield name, (keys[0], values[0]) if len(pieces) == 1 else (torch.cat(keys), torch.cat(values))


class ReferencePass:
    """A reference's features for all rows of a plan, encoded on first use, all at once if they fit.

    If `budget` bytes do not hold them all, they are encoded for as many steps as fit, starting at the requested step,
    and again when the loop restarts. Raises ValueError if the rows of one step exceed the budget.

    `held`: the list of features to use and to fill, such as those that an earlier pass of the same reference left; by
    default an empty one.
    """

    def __init__(
        self,
        encode: Callable[[Sequence[Row]], ReferenceFeatures],
        rows: Iterable[Row],
        budget: int,
        held: list[ReferenceFeatures] | None = None,
    ) -> None:
        self._encode, self._rows, self._budget = encode, sorted(set(rows)), budget
        self._held: list[ReferenceFeatures] = [] if held is None else held

    def at(self, row: Row) -> Layers:
        """Return the subject keys of one row, 1 h F d per layer."""
        for features in self._held:
            if row in features.rows:
                return features.at(row)
        self._fill(row.step)
        return next(features for features in self._held if row in features.rows).at(row)

    def _fill(self, step: int) -> None:
        self._held.clear()  # before the next are made: both would not fit
        first = [row for row in self._rows if row.step == step]
        self._held.append(self._encode(first))
        row_bytes = self._held[0].nbytes // len(first)
        fit = self._budget // max(row_bytes, 1)
        if fit < len(first):
            raise ValueError(
                f"kv_bytes: one step of the reference takes {len(first) * row_bytes / 1e6:.1f} MB of keys and values, "
                f"more than the {self._budget / 1e6:.1f} MB that each reference may take; allow more, or generate "
                "smaller images, or from fewer references"
            )
        ahead = [row for row in self._rows if row.step > step][: fit - len(first)]
        later = [row for row in self._rows if row.step > step][len(ahead) :]
        if later:  # whole steps only
            ahead = [row for row in ahead if row.step < later[0].step]
        if ahead:
            self._held.append(self._encode(ahead))
