"""The cells of a table: one image that every method generates, and its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from dreamtuner.evaluation.held_out import held_out_contexts
from dreamtuner.pocket.training.shards import Picture
from dreamtuner.pocket.world import Context, caption

SEEDS_APART = 1000
"""Difference between the noise seeds of a prompt's images; above the number of prompts, so that seeds are unique."""


@dataclass(frozen=True)
class ImageRequest:
    """The request of an image of a subject: its context and its noise. It is the same in tables of any size."""

    context: Context
    seed: int

    @property
    def first(self) -> bool:
        """Whether this is the first image of its prompt."""
        return self.seed < SEEDS_APART

    def prompt(self, subject: Picture) -> str:
        """Return its prompt, which names the subject by its class word."""
        return caption(subject.identity, self.context)


def image_requests(subject: Picture, prompts: int, seeds: int) -> list[ImageRequest]:
    """Return the requests for a subject: `seeds` images of each of its first `prompts` prompts."""
    contexts = enumerate(held_out_contexts(subject, prompts))
    return [ImageRequest(context, k * SEEDS_APART + j) for j, context in contexts for k in range(seeds)]


@dataclass(frozen=True)
class Measured:
    """The metrics of a cell, one number each, NaN if undefined for this image.

    `prepare_s`: seconds to prepare the method for the subject (training, inversion); `picture_s`: seconds per image of
    its batch.
    """

    measures: Mapping[str, float]
    prepare_s: float
    picture_s: float


@dataclass(frozen=True)
class NewCell:
    """A newly measured cell, identified by its digest; method, subject, prompt and seed are for people."""

    digest: str
    method: str
    subject: str
    prompt: str
    seed: int
    measured: Measured
    picture: Image.Image
