"""What a metric is and declares: what it takes, what it reads, the model that it brings. No torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Protocol, get_args

from PIL import Image

from dreamtuner.models.profiles import Profile
from dreamtuner.plugins import PluginError, Registry

Input = Literal["reference", "reference_mask", "prompts"]
"""What a metric may take beside the images: the reference (RGB), its foreground mask (L, 255 subject; None: it has
none), and the prompt of each image as it was generated, without a learned token."""
INPUTS: tuple[Input, ...] = get_args(Input)


class Metric(Protocol):
    """One score of generated images. A class of its own may inherit from this one for the defaults of three methods."""

    @property
    def name(self) -> str:
        """The key under which scores are stored, and by which specs name the metric."""
        ...

    @property
    def takes(self) -> Collection[Input]:
        """Which inputs `score` is called with."""
        ...

    def version(self, profile: Profile) -> str:
        """Return what stored scores hang on: it differs wherever equal inputs would score otherwise. Loads nothing.

        A metric that reads weights or tables puts their digest into it (`models.weights.digest_of`).
        """
        ...

    def missing(self, profile: Profile) -> list[str]:
        """Return what is not on disk that `load` needs, a few words each; empty where nothing is missing."""
        return []

    def load(self, profile: Profile, device: str) -> Any:
        """Return the model that `score` gets; it is kept, and shared among metrics that have the same `load`."""
        return None

    def score(self, *given: Any, **inputs: Any) -> list[float]:
        """Return one number per image, higher is better; the call is score(model, images, **inputs).

        `images`: RGB. `inputs`: those that the metric `takes`, by name, so that a metric names them in its signature.
        """
        ...


def score_images(
    metric: Metric, model: Any, images: Sequence[Image.Image], given: Mapping[Input, Callable[[], Any]]
) -> list[float]:
    """Score images by a metric with the inputs that it takes; the others are not made.

    Raises PluginError unless it returns one number per image.
    """
    values = [float(one) for one in metric.score(model, images, **{name: given[name]() for name in metric.takes})]
    if len(values) != len(images):
        raise PluginError(f"the metric {metric.name!r} gave {len(values)} scores for {len(images)} images; mend it")
    return values


def _checked(name: str, found: Any) -> Metric:
    if found.name != name:
        raise PluginError(f"it is called {found.name!r}; give metric and entry point one name")
    if unknown := sorted(set(found.takes) - set(INPUTS)):
        raise PluginError(f"takes: there is no input {unknown[0]!r}; choose from {', '.join(INPUTS)}")
    metric: Metric = found
    return metric


METRICS: Registry[Metric] = Registry(
    "metric",
    "dreamtuner.metrics",
    {
        "clip_i": "dreamtuner.score.clip_i:ClipI",
        "clip_i_masked": "dreamtuner.score.clip_i:MASKED",
        "clip_t": "dreamtuner.score.clip_t:ClipT",
    },
    needs=("name", "takes", "version", "missing", "load", "score"),
    check=_checked,
)
