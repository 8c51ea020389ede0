"""Finds the visible attributes of an identity: those of which another value would change enough pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import ATTRIBUTES, Identity
from dreamtuner.pocket.world.render import render

CHANGED = 0.1  # of 1: the smallest change of a colour channel that counts
PIXELS = 10  # with fewer, values are not distinguishable after an autoencoder of factor 4

Paint = Callable[[list[Identity]], Tensor]
"""Renders one image for each identity, (B, 3, S, S), with everything else equal."""


def changed_pixels(identity: Identity, paint: Paint) -> dict[str, int]:
    """Return by attribute how many pixels change at least if it has another value and all else is equal."""
    versions = [
        (name, replace(identity, **{name: value}))
        for name, values in ATTRIBUTES.items()
        for value in values
        if value not in (identity.primary, identity.secondary, identity.accent) and value != getattr(identity, name)
    ]
    pictures = paint([identity, *(version for _, version in versions)])
    changed = ((pictures[1:] - pictures[:1]).abs().amax(1) > CHANGED).sum((1, 2)).tolist()
    least: dict[str, int] = {}
    for (name, _), pixels in zip(versions, changed, strict=True):
        least[name] = min(pixels, least.get(name, pixels))
    return least


def visible(identity: Identity, context: Context) -> frozenset[str]:
    """Return the attributes of ``identity`` that are visible in its image in ``context``, as in a reference."""
    told = changed_pixels(identity, lambda versions: render(versions, [context] * len(versions)).image)
    return frozenset(name for name, pixels in told.items() if pixels >= PIXELS)
