"""Stacks of near-duplicates: pictures whose hashes and colours are near, and whose structures agree in their detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dreamtuner.curation.perceptual_hash import as_bits, brightness, colours
from dreamtuner.curation.registration import detail, whole, windows

MOST_STACKED = 24
"""Pictures of one stack; further ones that are alike begin another."""
NEAR_BITS = 24
"""Bits in which the hashes of near-duplicates differ at most: what differs in more is not compared further."""
NEAR_COLOURS = 20.0
"""The most that their colours are apart, root mean square of levels 0..255: a picture recoloured is another one."""
ALIKE = 0.87
"""The least correlation of their detail, -1..1, in the window that fits best."""


@dataclass(frozen=True)
class Look:
    """What one picture looks like: its perceptual hash, 16 hex digits, and its structure."""

    phash: str
    structure: bytes


def stacks(looks: Sequence[Look | None]) -> list[list[int]]:
    """Group pictures that are given best first; return the stacks of two or more, each with its best on top.

    Every two pictures of a stack are alike, so that a chain of similar pictures does not become one stack. None: a
    picture of which nothing is known is in no stack.
    """
    known = [i for i, look in enumerate(looks) if look is not None]
    near = alike([look for look in looks if look is not None])
    taken: set[int] = set()
    found = []
    for top in range(len(known)):
        if top in taken:
            continue
        stack = [top]
        for other in sorted(near.get(top, {}), key=lambda one: (-near[top][one], one)):
            if other not in taken and len(stack) < MOST_STACKED and all(other in near[one] for one in stack):
                stack.append(other)
        if len(stack) > 1:
            taken.update(stack)
            found.append([known[one] for one in [top, *sorted(stack[1:])]])
    return found


def alike(looks: Sequence[Look]) -> dict[int, dict[int, float]]:
    """Return the near-duplicates of each picture that has any, with the correlation of their detail."""
    found: dict[int, dict[int, float]] = {}
    if not looks:
        return found
    bits = as_bits([look.phash for look in looks])
    structures = [look.structure for look in looks]
    details, tones = detail(brightness(structures)), colours(structures)
    vectors = whole(details)
    for i in range(len(looks)):
        near = np.flatnonzero(np.bitwise_count(bits ^ bits[i]) <= NEAR_BITS)
        apart = np.sqrt(np.square(tones[near] - tones[i]).mean(axis=1))
        near = near[apart <= NEAR_COLOURS]
        if len(near) < 2:  # itself
            continue
        fits = (vectors[near] @ windows(details[i]).T).max(axis=1)
        for other, fit in zip(near.tolist(), fits.tolist(), strict=True):
            if other != i and fit >= ALIKE:  # one is a window of the other, whichever
                found.setdefault(i, {})[other] = max(fit, found.get(i, {}).get(other, 0.0))
                found.setdefault(other, {})[i] = found[i][other]
    return found
