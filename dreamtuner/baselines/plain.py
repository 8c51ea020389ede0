"""Baseline: the plain model. It never sees the reference; what it shows of the subject is chance and the class word."""

from __future__ import annotations

from dataclasses import dataclass

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone
from dreamtuner.sampling.generate import generate


@dataclass(frozen=True)
class Plain:
    """Text guidance at w_c in every step: the floor of every identity score, and what the prompt's is held against."""

    name: str = "plain"

    @property
    def training(self) -> str:
        """It trains nothing."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Nothing has to be made ready."""
        return Prepared(lambda cells: generate(backbone, None, cells, given.sampling.model_copy(update={"beta": 0.0})))
