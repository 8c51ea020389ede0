"""Where a subject is in an image, as a spec states it: a box, or the place of a mask."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator

from dreamtuner.settings.regions import Box, check_box
from flows.spec.entry import Text


def _box(value: Any) -> Any:
    """Read a list as a box; texts and null are left to the type."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a box such as [0, 0, 0.5, 1], or the place of a mask, not {str(value)[:70]}")
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in value):
        raise ValueError("a box is four numbers: left, top, right and bottom in 0..1, such as [0, 0, 0.5, 1]")
    return check_box(value)


Region = Annotated[Box | Text | None, BeforeValidator(_box)]
"""[left, top, right, bottom] in 0..1 of the image, a path or URL of a mask, or null. Needs union_mode left_to_right."""


def moved(region: Region, change: Callable[[str], str]) -> Region:
    """Return the region with the place of its mask changed; a box stays."""
    return change(region) if isinstance(region, str) else region
