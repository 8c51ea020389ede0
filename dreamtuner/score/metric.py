"""The interface of a metric: its inputs, its version, and the model that it loads. No torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Protocol, get_args

from PIL import Image

from dreamtuner.models.profiles import Profile
from dreamtuner.plugins import PluginError, Registry

Input = Literal["reference", "reference_mask", "prompts"]
"""Inputs of a metric besides the images: the reference (RGB), its foreground mask (L, 255 subject; None if it has
none), and the prompt of each image, without a learned token."""
INPUTS: tuple[Input, ...] = get_args(Input)


class Metric(Protocol):
    """A metric of generated images. A class may inherit from this one to get the defaults of three methods."""

    @property
    def name(self) -> str:
        """The key under which scores are stored and by which specs name the metric."""
        ...

    @property
    def takes(self) -> Collection[Input]:
        """The inputs that `score` is called with."""
        ...

    def version(self, profile: Profile) -> str:
        """Return the version of stored scores: it differs whenever equal inputs would score differently. Loads nothing.

        A metric that reads weights or tables includes their digest (`models.weights.digest_of`).
        """
        ...

    def missing(self, profile: Profile) -> list[str]:
        """Return what `load` needs and is not on disk, a few words each; empty if nothing is missing."""
        return []

    def load(self, profile: Profile, device: str) -> Any:
        """Load the model that is passed to `score`; it is cached and shared by metrics with the same `load`."""
        return None

    def score(self, *given: Any, **inputs: Any) -> list[float]:
        """Return one number per image, higher is better; called as score(model, images, **inputs).

        `images`: RGB. `inputs`: those in `takes`, by name, so that a metric lists them in its signature.
        """
        ...


def score_images(
    metric: Metric, model: Any, images: Sequence[Image.Image], given: Mapping[Input, Callable[[], Any]]
) -> list[float]:
    """Score images by a metric; only the inputs that it takes are computed.

    Raises PluginError unless the metric returns one number per image.
    """
    values = [float(one) for one in metric.score(model, images, **{name: given[name]() for name in metric.takes})]
    if len(values) != len(images):
        raise PluginError(f"the metric {metric.name!r} returned {len(values)} scores for {len(images)} images; fix it")
    return values


def _checked(name: str, found: Any) -> Metric:
    if unknown := sorted(set(found.takes) - set(INPUTS)):
        raise PluginError(f"takes: unknown input {unknown[0]!r}; choose from {', '.join(INPUTS)}")
    metric: Metric = found
    return metric


METRICS: Registry[Metric] = Registry(
    "metric",
    "dreamtuner.metrics",
    {
        "clip_i": "dreamtuner.score.clip_metrics:ClipI",
        "clip_i_masked": "dreamtuner.score.clip_metrics:MASKED",
        "clip_t": "dreamtuner.score.clip_metrics:ClipT",
    },
    needs=("name", "takes", "version", "missing", "load", "score"),
    check=_checked,
)
