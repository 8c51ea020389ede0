"""What of an identity a picture shows: an attribute is visible where another value would change enough pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from dreamtuner.pocket.world.context import Context
from dreamtuner.pocket.world.identity import ATTRIBUTES, Identity
from dreamtuner.pocket.world.render import render

CHANGED = 0.1  # of 1: by how much some colour of a pixel has to change to count
PIXELS = 10  # fewer tell no value from another after an autoencoder of factor 4

Paint = Callable[[list[Identity]], Tensor]
"""Identities -> the picture (B, 3, S, S) with each of them in the subject's place."""


def pixels_told(identity: Identity, paint: Paint) -> dict[str, int]:
    """By attribute: how many pixels change at least when it takes another value, all else equal."""
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
    """The attributes of ``identity`` that its picture in ``context`` shows: what a reference of it can tell."""
    told = pixels_told(identity, lambda versions: render(versions, [context] * len(versions)).image)
    return frozenset(name for name, pixels in told.items() if pixels >= PIXELS)
