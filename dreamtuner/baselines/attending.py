"""Baseline: the training-free forms of the method itself, by the strength of its two halves: SE, S-S-A or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dreamtuner.backbone import Backbone
from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.batch import generate
from dreamtuner.config import Sampling


@dataclass(frozen=True)
class Attending:
    """What the platform draws without fine-tuning, `changes` laid over the profile's numbers."""

    name: str
    changes: Mapping[str, float] = field(default_factory=dict)

    @property
    def training(self) -> str:
        """It trains nothing."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """The reference is encoded anew with every draw, once for all of its cells."""
        sampling = Sampling.model_validate({**given.sampling.model_dump(), **self.changes})
        return Prepared(lambda cells: generate(backbone, given.reference, cells, sampling))
