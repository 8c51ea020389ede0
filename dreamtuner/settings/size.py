"""Sizes of images: how they are written, and which sides suit the models. No torch."""

import re
from math import gcd, sqrt
from typing import Annotated, Any

from pydantic import BeforeValidator

_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


def _size(value: Any) -> Any:
    """Accept "768x512", width first; each side a multiple of 8 in 16..4096 pixels."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"must be width x height in pixels, not {value!r}; write for example 768x512")
    for side in map(int, found.groups()):
        if side % 8 or not 16 <= side <= 4096:
            raise ValueError(f"{side} is not a multiple of 8 in 16..4096; choose one that is, such as {_near(side)}")
    return value


def _near(side: int) -> int:
    return min(max(round(side / 8) * 8, 16), 4096)


def square_side(width: int, height: int) -> int:
    """Return the side of a square of about the same area, pixels.

    It is a multiple of the largest power of two, at most 16, that divides both sides, so that it suits the same models.
    """
    return nearest_side(sqrt(width * height), step_of(width, height))


def step_of(width: int, height: int) -> int:
    """Return the largest power of two, at most 16, that divides both sides."""
    return gcd(width, height, 16)


def nearest_side(length: float, step: int) -> int:
    """Return the multiple of `step`, a divisor of 16, that is nearest to `length`, in 16..4096 pixels."""
    return min(max(round(length / step) * step, 16), 4096)


Size = Annotated[str | None, BeforeValidator(_size)]
"""Width x height in pixels, such as 768x512; None: a square."""
