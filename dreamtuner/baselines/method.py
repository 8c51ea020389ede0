"""The interface of the methods of Table 1: prepare for one reference, then generate cells of the subject.

All use the project's own loop, sampler, noise and text guidance, so that only the method differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from dreamtuner.families.backbone import Backbone
from dreamtuner.sampling.request import Cell, Reference
from dreamtuner.settings.sampling import Sampling, Style

Generate = Callable[[Sequence[Cell]], list[Image.Image]]
"""Cells whose prompts name the subject by its class word -> one RGB image each, in order."""

BATCH = 16
"""Cells that are generated at a time."""


@dataclass(frozen=True)
class Given:
    """The input of every method: one reference with its plain caption, and the sampling settings.

    `class_word`: the subject's class, as in the prompts; `detailed`: a caption that also describes the subject's
    appearance, which a method may use to generate class images (Sec. 3.3); `work_dir`: where a training may store its
    state, so that it can resume.
    """

    reference: Reference
    class_word: str
    style: Style
    detailed: str
    sampling: Sampling
    work_dir: Path

    def __post_init__(self) -> None:
        """Raise ValueError if the images are not square: several methods start from the reference's own latents."""
        if self.sampling.size is not None:
            raise ValueError(
                f"sampling.size: {self.sampling.size}, but methods are compared on squares; set resolution"
            )


@dataclass(frozen=True)
class Prepared:
    """A method that is ready to generate a subject.

    `class_word`: generates without reference and learned token, if the method trained a model: it measures prior
    preservation. `spent_s`: seconds of earlier training, if it resumed a shorter or killed one.
    """

    generate: Generate
    class_word: Generate | None = None
    spent_s: float = 0.0


class Method(Protocol):
    """One row of the table. Its fields are its settings, and its file describes the differences from DreamTuner."""

    @property
    def name(self) -> str:
        """The name of the row."""
        ...

    @property
    def training(self) -> str:
        """What determines its training except its length; methods with equal values share a work_dir. Empty: none."""
        ...

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Do the work that is needed once per subject, such as inversion or training. `backbone` is unchanged."""
        ...
