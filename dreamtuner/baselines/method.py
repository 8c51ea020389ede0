"""What a method of Table 1 is: given one reference, it makes ready what it needs, and then draws cells of the subject.

All go through the project's own loop, sampler, noise and text guidance, so that what differs is the method alone.
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
"""Cells whose prompts name the subject by its class word -> one RGB picture each, in order."""

BATCH = 16
"""Cells that are drawn at a time."""


@dataclass(frozen=True)
class Given:
    """What every method is told: one reference with its plain caption, and the numbers to sample with.

    `class_word`: what the subject is, as the prompts call it; `detailed`: the caption that also says how the subject
    looks, which a method may use to make further pictures like the reference (Sec. 3.3); `work_dir`: where a training
    may keep its state, so that it goes on when it was killed.
    """

    reference: Reference
    class_word: str
    style: Style
    detailed: str
    sampling: Sampling
    work_dir: Path


@dataclass(frozen=True)
class Prepared:
    """A method that is ready to draw a subject.

    `class_word`: what its models give for cells without reference and learnt word, where it trained any: the measure of
    what the training made of everything else that the class word means. `spent_s`: seconds that its training had taken
    before, where it went on from a shorter or a killed one.
    """

    generate: Generate
    class_word: Generate | None = None
    spent_s: float = 0.0


class Method(Protocol):
    """One row of the table. Its fields are its numbers, and its file says what differs from the others."""

    @property
    def name(self) -> str:
        """What the row is called."""
        ...

    @property
    def training(self) -> str:
        """What decides its training but for the length; methods of one `training` share a workshop. Empty: none."""
        ...

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Do what is done once for a subject: nothing, an inversion, a training. `backbone` stays as it is."""
        ...
