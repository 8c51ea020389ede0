"""From boxes and masks to the region of every token. Decided here, as the paper has one subject:

- Of two regions that overlap, the later one is in front: a pixel belongs to one subject at most.
- A token belongs to the subject that covers at least half of it, and otherwise to none.
- A subject that covers half of no token of a coarse layer gets the tokens that it covers most, so that no layer is left
  without it, unless another subject would lose its only ones.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamtuner.attention.by_region import Regions
from dreamtuner.sampling.reference_pass import pooled
from dreamtuner.settings.regions import Box


def inside(region: Box | Image.Image, size: tuple[int, int]) -> Tensor:
    """Return how much of each pixel lies in a region, H W in 0..1. `size`: width and height of the image, pixels.

    Raises ValueError if an image of the region is black.
    """
    width, height = size
    if isinstance(region, Image.Image):
        drawn = region.convert("L").resize(size, Image.Resampling.BOX)
        share = torch.from_numpy(np.asarray(drawn).copy()).float() / 255
        if not share.any():
            raise ValueError("region: the mask is black; paint white where the subject is to be")
        return share
    left, top, right, bottom = region
    across, down = _covered(left, right, width), _covered(top, bottom, height)
    return down[:, None] * across[None]


def _covered(start: float, end: float, length: int) -> Tensor:
    """Return how much of each of `length` pixels in a row lies between two positions in 0..1."""
    edges = torch.arange(length + 1, dtype=torch.float64)
    first, last = edges[:-1].clamp_min(start * length), edges[1:].clamp_max(end * length)
    return (last - first).clamp(0, 1).float()


def regions_of(
    subjects: Sequence[Box | Image.Image], size: tuple[int, int], grids: Mapping[int, tuple[int, int]]
) -> Regions:
    """Return the region of every token. `subjects`: from back to front; `size`: width and height of the image, pixels.

    `grids`: a layer's token count -> its rows and columns.
    """
    shares = torch.stack([inside(one, size) for one in subjects])
    for i in range(len(shares) - 1):
        in_front = shares[i + 1 :].amax(0)
        shares[i] *= 1 - in_front
    return Regions(len(subjects), {count: _owners(shares, grid) for count, grid in grids.items()})


def _owners(shares: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return whose each token is, `count` numbers. shares: N H W, which sum to 1 at most."""
    of_token = pooled(shares[None], grid)[0].flatten(1)
    number = len(of_token)
    owners = torch.full((of_token.shape[1],), number)
    for i, share in enumerate(of_token):
        owners[share >= 0.5] = i
    for i in _by_size(of_token):
        if (owners == i).any() or not of_token[i].any():
            continue
        best = of_token[i] == of_token[i].max()
        taken = owners.clone()
        taken[best] = i
        if all((taken == j).any() for j in range(number) if (owners == j).any()):
            owners = taken
    return owners


def _by_size(of_token: Tensor) -> Iterable[int]:
    """The subjects, the smallest first."""
    return of_token.sum(1).argsort().tolist()
