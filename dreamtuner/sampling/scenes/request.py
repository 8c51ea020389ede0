"""The request of an image of several subjects: who is in it, where, and in which words."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import isfinite
from typing import Any

from PIL import Image

from dreamtuner.sampling.request import Reference
from dreamtuner.settings.regions import Box, check_box

Model = Callable[[Any], AbstractContextManager[Any]]
"""Changes a backbone inside the context it returns, such as `load_finetuned` with a checkpoint."""


@dataclass(frozen=True)
class SceneSubject:
    """One subject of an image of several. Of two that overlap, the later one is in front.

    `references`: as of an image of it alone; empty: only its words act. `region`: where it is, a box or an image (L,
    white inside) of any size. `prompt`: what its region shows. `weight`: what w_ref is multiplied by for it, > 0;
    `w_r`: its scale of reference guidance, Eq. 4; None: that of the settings. `model`: what its region is predicted
    with, such as a fine-tuned model; None: the given one.
    """

    references: Sequence[Reference]
    region: Box | Image.Image
    prompt: str
    weight: float = 1.0
    w_r: float | None = None
    model: Model | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a weight or a box that is none."""
        if not (self.weight > 0 and isfinite(self.weight)):
            raise ValueError(f"weight: {self.weight} of a subject; give a positive number, 1 for w_ref as it is")
        if not isinstance(self.region, Image.Image):
            check_box(self.region)
