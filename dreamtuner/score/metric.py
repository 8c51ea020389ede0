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
    """A metric of generated images. A class may inherit from this one to get the defaults of four members."""

    @property
    def name(self) -> str:
        """The key under which scores are stored and by which specs name the metric."""
        ...

    @property
    def takes(self) -> Collection[Input]:
        """The inputs that `score` is called with."""
        ...

    @property
    def models(self) -> Collection[str]:
        """The names of auxiliary models that it needs, which `dreamtuner models fetch` provides."""
        return ()

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


_OPENAI, _DINO = "dreamtuner.score.openai_clip_metrics", "dreamtuner.score.dino_metrics"
METRICS: Registry[Metric] = Registry(
    "metric",
    "dreamtuner.metrics",
    {
        "clip_i": "dreamtuner.score.clip_metrics:ClipI",
        "clip_i_masked": "dreamtuner.score.clip_metrics:MASKED",
        "clip_t": "dreamtuner.score.clip_metrics:ClipT",
        "clip_i_b32": f"{_OPENAI}:I_B32",
        "clip_i_b32_masked": f"{_OPENAI}:I_B32_MASKED",
        "clip_t_b32": f"{_OPENAI}:T_B32",
        "clip_i_l14": f"{_OPENAI}:I_L14",
        "clip_i_l14_masked": f"{_OPENAI}:I_L14_MASKED",
        "clip_t_l14": f"{_OPENAI}:T_L14",
        "dino_s8": f"{_DINO}:S8",
        "dino_s8_masked": f"{_DINO}:S8_MASKED",
        "dino_s16": f"{_DINO}:S16",
        "dino_s16_masked": f"{_DINO}:S16_MASKED",
        "dinov2_s": f"{_DINO}:V2_S",
        "dinov2_s_masked": f"{_DINO}:V2_S_MASKED",
        "dinov2_b": f"{_DINO}:V2_B",
        "dinov2_b_masked": f"{_DINO}:V2_B_MASKED",
        "lpips_alex_similarity": "dreamtuner.score.lpips_metric:LpipsSimilarity",
        "aesthetic_l14": "dreamtuner.score.aesthetic:Aesthetic",
    },
    needs=("name", "takes", "version", "missing", "load", "score"),
    check=_checked,
)
