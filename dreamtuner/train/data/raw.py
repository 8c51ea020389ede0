"""A training image as it is found, before it is prepared. Needs no torch: whoever only lists images loads none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dreamtuner.models.layouts import Kind
from dreamtuner.preprocess.image import ImageLimits

LIMITS = ImageLimits(min_side=16)
SUBJECT = "subject"
"""What captioners say that an image shows if nobody knows better."""


@dataclass(frozen=True)
class Raw:
    """An image as it is found, with what lies beside it. `read`: returns the file's bytes when it is called."""

    key: str
    read: Callable[[], bytes]
    caption: str | None = None
    mask: Callable[[], bytes] | None = None
    controls: Mapping[Kind, Callable[[], bytes]] = field(default_factory=dict)
