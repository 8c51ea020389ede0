"""Metrics that bring models of their own, which are the same for every profile."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib import import_module
from typing import Any, ClassVar

from dreamtuner.models.auxiliary import auxiliary_digest, missing_auxiliaries
from dreamtuner.models.profiles import Profile


class OwnModelMetric:
    """A metric with auxiliary models, which `dreamtuner models fetch` provides.

    Increment `computation` when equal inputs would score differently. `loader`: "module:function", which is called with
    `models` and the device; metrics with equal loaders and models share what it returns.
    """

    computation: ClassVar[str] = "1"
    loader: ClassVar[str]

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the auxiliary models."""
        raise NotImplementedError

    def version(self, profile: Profile) -> str:
        """Return `<computation>-<first 12 digits of the models' digest>`. Raises WeightsMissingError."""
        digests = [auxiliary_digest(one) for one in self.models]
        digest = digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode()).hexdigest()
        return f"{self.computation}-{digest[:12]}"

    def missing(self, profile: Profile) -> list[str]:
        """Return a description of each model that is missing, with the command that provides it."""
        return missing_auxiliaries(self.models)

    @property
    def load(self) -> Callable[[Profile, str], Any]:
        """The function that loads the models; it is one object for all metrics that share them."""
        return _loader(self.loader, self.models)


@cache
def _loader(place: str, models: tuple[str, ...]) -> Callable[[Profile, str], Any]:
    def load(profile: Profile, device: str) -> Any:
        module, _, function = place.partition(":")
        return getattr(import_module(module), function)(*models, device=device)

    return load
