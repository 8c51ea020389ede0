"""Baseline: the plain model. It never sees the reference; any similarity comes from the class word or chance."""

from __future__ import annotations

from dataclasses import dataclass

from dreamtuner.baselines.method import Given, Prepared
from dreamtuner.families.backbone import Backbone
from dreamtuner.sampling.generate import generate


@dataclass(frozen=True)
class Plain:
    """Text guidance at w_c in every step: the lower bound of identity scores, and the baseline of prompt scores."""

    name: str = "plain"

    @property
    def training(self) -> str:
        """Empty: it needs no training."""
        return ""

    def prepare(self, backbone: Backbone, given: Given) -> Prepared:
        """Prepare nothing."""
        return Prepared(lambda cells: generate(backbone, None, cells, given.sampling.model_copy(update={"beta": 0.0})))
