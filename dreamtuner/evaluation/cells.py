"""The cell of a table: one picture that every method is asked for, and what was measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from dreamtuner.evaluation.held_out import held_out_contexts
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import Context, caption

SEEDS_APART = 1000
"""Between the noises of a prompt's pictures: more than there are prompts, so that no two cells share one."""


@dataclass(frozen=True)
class ImageRequest:
    """A picture of a subject: what it is to show, and its noise. It is the same in tables of any size."""

    context: Context
    seed: int

    @property
    def first(self) -> bool:
        """Whether it is the first picture of its prompt."""
        return self.seed < SEEDS_APART

    def prompt(self, subject: Picture) -> str:
        """Its words, the subject called by its class word."""
        return caption(subject.identity, self.context)


def image_requests(subject: Picture, prompts: int, seeds: int) -> list[ImageRequest]:
    """The pictures of a subject: `seeds` of each of its first `prompts` prompts."""
    contexts = enumerate(held_out_contexts(subject, prompts))
    return [ImageRequest(context, k * SEEDS_APART + j) for j, context in contexts for k in range(seeds)]


@dataclass(frozen=True)
class Measured:
    """What was measured of a cell, each measure one number, NaN where it says nothing of this picture.

    `prepare_s`: seconds to make its method ready for the subject (training, inversion); `picture_s`: seconds a picture
    of the batch that it was drawn in.
    """

    measures: Mapping[str, float]
    prepare_s: float
    picture_s: float


@dataclass(frozen=True)
class NewCell:
    """A cell that was just measured. Its digest decides; method, subject, prompt and seed tell people what it is of."""

    digest: str
    method: str
    subject: str
    prompt: str
    seed: int
    measured: Measured
    picture: Image.Image
