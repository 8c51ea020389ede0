"""The reference pass (Sec. 3.2): noise the reference to every timestep a schedule needs, capture keys and values once.

Decided where the paper is silent:
- x^r_t is noised by the forward process of the model's training whatever the scheduler, with one noise per
  (reference, step): both branches of a step see the same draw, at their own noise levels.
- A layer's token is subject (m_r = 1) when at least half of its area is; where a thin subject wins no token of a coarse
  layer, the tokens that hold most of it are taken, so that the layer is not left without a subject.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamtuner.attention.self_subject import SubjectKeys
from dreamtuner.attention.subject_layers import Layers, SelfSubject
from dreamtuner.sampling.loop import seeded


class Row(NamedTuple):
    """One row of the reference pass: x^r at `timestep`, under the noise of `step`."""

    step: int
    timestep: float


@dataclass(frozen=True, eq=False)
class ReferenceFeatures:
    """What a reference gives to every step. Lives as long as its holder keeps it; recomputed, never stored.

    `rows`: Row -> index; `layers`: layer's name -> k_r, v_r of shape `rows heads F d`, and log(w_ref * m_r): F.
    """

    rows: Mapping[Row, int]
    layers: Mapping[str, tuple[Tensor, Tensor, Tensor]]

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return sum(k.nbytes + v.nbytes for k, v, _ in self.layers.values())

    def at(self, row: Row) -> Layers:
        """The subject keys of one row, 1 h F d a layer. KeyError when the row was not encoded."""
        i = self.rows[row]
        return {name: SubjectKeys(k[i : i + 1], v[i : i + 1], m) for name, (k, v, m) in self.layers.items()}


def reference_digest(image: Image.Image) -> str:
    """The reference's identity: sha256 of its size and RGB pixels. It seeds lambda and noise; the mask does not."""
    return sha256(f"({image.width}, {image.height})".encode() + image.convert("RGB").tobytes()).hexdigest()


def square(
    image: Image.Image, mask: Image.Image | None, side: int, *, fill: str = "white"
) -> tuple[Image.Image, Image.Image]:
    """Cut a square that holds the whole subject and resize it to `side` pixels -> RGB, L (0..255 covered share).

    The square is the largest inside the picture, placed over the subject; where the subject is longer than that, the
    square grows to hold it and what lies outside the picture is `fill` and background. No mask: all is subject.
    """
    mask = Image.new("L", image.size, 255) if mask is None else mask.convert("L")
    if mask.size != image.size:
        raise ValueError(f"reference: the mask is {mask.size} and the image {image.size} pixels; give them one size")
    left, top, right, bottom = mask.getbbox() or (0, 0, *image.size)
    edge = max(min(image.size), right - left, bottom - top)

    def start(low: int, high: int, length: int) -> int:
        """Centred on the subject, moved inside the picture where it fits, else centred on the picture."""
        return (length - edge) // 2 if edge > length else min(max((low + high - edge) // 2, 0), length - edge)

    corner = (-start(left, right, image.width), -start(top, bottom, image.height))
    canvas, cover = Image.new("RGB", (edge, edge), fill), Image.new("L", (edge, edge), 0)
    canvas.paste(image.convert("RGB"), corner)
    cover.paste(mask, corner)
    size = (side, side)
    return canvas.resize(size, Image.Resampling.LANCZOS), cover.resize(size, Image.Resampling.BOX)


def foreground_tokens(m_r: Tensor, grids: Iterable[tuple[int, int]]) -> dict[int, Tensor]:
    """Tokens of a layer -> indices of its subject tokens. m_r: H W in [0, 1]; grids: rows and columns of tokens.

    ValueError where the mask is empty.
    """
    if not m_r.any():
        raise ValueError("reference: the mask is empty; an absent subject is passed as None, not as a mask of zeros")
    tokens: dict[int, Tensor] = {}
    for grid in grids:
        share = F.adaptive_avg_pool2d(m_r[None, None].float(), grid).flatten()
        subject = share >= min(0.5, float(share.max()))
        tokens[len(share)] = subject.nonzero()[:, 0]
    return tokens


def encode_reference(
    ssa: SelfSubject,
    predict: Callable[[Tensor, Tensor, Tensor], Tensor],
    noised: Callable[[Tensor, Tensor, float], Tensor],
    x_0: Tensor,
    c_r: Tensor,
    foreground: Mapping[int, Tensor],
    rows: Iterable[Row],
    *,
    w_ref: float,
    digest: str,
    chunk: int = 32,
) -> ReferenceFeatures:
    """One pass over all rows, `chunk` at a time. x_0: C H W latents; c_r: 1 L D, the reference's own caption.

    `predict(x, t, c)` calls the denoiser that `ssa` is attached to; `noised` is its forward process. Equal to a pass of
    its own at every step, and far cheaper.
    """
    wanted: Sequence[Row] = sorted(set(rows))
    if not wanted:  # a plan may never look at the reference, as w_r = 0 with p_r = 1
        return ReferenceFeatures({}, {})
    index = {row: i for i, row in enumerate(wanted)}

    def x_r(row: Row) -> Tensor:
        noise = torch.randn(x_0.shape, generator=seeded(digest, "noise", row.step)).to(x_0)
        return noised(x_0, noise, row.timestep)

    with ssa.capture(foreground) as captured:
        for first in range(0, len(wanted), chunk):
            part = wanted[first : first + chunk]
            t = torch.tensor([row.timestep for row in part], device=x_0.device)
            predict(torch.stack([x_r(row) for row in part]), t, c_r.expand(len(part), -1, -1))
    log_w = x_0.new_tensor(w_ref).log()
    return ReferenceFeatures(index, {n: (k, v, log_w.expand(k.shape[2])) for n, (k, v) in captured.items()})


class ReferencePass:
    """A reference's features for all rows of a plan, encoded when first asked for, all at once where they fit.

    Where `budget` bytes do not hold them all, they are encoded for as many steps as fit, from the step asked for on,
    and again when the loop begins anew. ValueError where the rows of one step take more than the budget.
    """

    def __init__(self, encode: Callable[[Sequence[Row]], ReferenceFeatures], rows: Iterable[Row], budget: int) -> None:
        self._encode, self._rows, self._budget = encode, sorted(set(rows)), budget
        self._held: list[ReferenceFeatures] = []

    def at(self, row: Row) -> Layers:
        """The subject keys of one row."""
        for features in self._held:
            if row in features.rows:
                return features.at(row)
        self._fill(row.step)
        return next(features for features in self._held if row in features.rows).at(row)

    def _fill(self, step: int) -> None:
        self._held = []  # before the next are made: both would not fit
        first = [row for row in self._rows if row.step == step]
        self._held.append(self._encode(first))
        row_bytes = self._held[0].nbytes // len(first)
        fit = self._budget // max(row_bytes, 1)
        if fit < len(first):
            raise ValueError(
                f"kv_bytes: one step of the reference takes {len(first) * row_bytes / 1e6:.1f} MB of keys and values, "
                f"more than the {self._budget / 1e6:.1f} MB allowed; allow more, or draw smaller pictures"
            )
        ahead = [row for row in self._rows if row.step > step][: fit - len(first)]
        later = [row for row in self._rows if row.step > step][len(ahead) :]
        if later:  # whole steps only
            ahead = [row for row in ahead if row.step < later[0].step]
        if ahead:
            self._held.append(self._encode(ahead))
