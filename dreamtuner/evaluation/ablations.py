"""The cumulative ablation and the ablations of Fig. 8: the variants, and statistics of their metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dreamtuner.baselines.training_free import Attending, OtherEncoder
from dreamtuner.evaluation.held_out import MeasuredSubject

CUMULATIVE_ABLATION = (
    Attending("plain", {"w_ref": 0.0, "beta": 0.0}),
    Attending("+ SE", {"w_ref": 0.0}),
    Attending("+ S-S-A", {"beta": 0.0}),
    Attending("SE + S-S-A"),
)
ENCODER_ALONE = {"w_ref": 0.0, "beta": 1.0}
ABLATIONS = (
    *(Attending(f"beta = {beta}", {"beta": beta}) for beta in (0.1, 0.2, 1.0)),
    *(Attending(f"w_ref = {w_ref}", {"w_ref": w_ref}) for w_ref in (1.0, 10.0)),
    Attending("no mask", masked=False),
    Attending("no reference caption", captioned=False),
    Attending("SE at beta = 1", ENCODER_ALONE),
)
"""The ablations of Fig. 8; w_ref = 0 and beta = 0 are part of the cumulative ablation."""


def without_layout(folder: Path) -> Attending:
    """Return the ablation with the encoder in `folder`, trained without ControlNet; compare with "SE at beta = 1"."""
    return Attending("SE, no layout", ENCODER_ALONE, encoder=OtherEncoder.of(folder))


COMPARED = ("identity", "clip_i_masked")
"""The metrics by which the steps of the cumulative ablation are compared."""
SHOWN = ("identity", "clip_i_masked", "prompt", "clip_t", "leakage")


@dataclass(frozen=True)
class Mean:
    """A mean over subjects with its 95 % interval (Student's t over the subjects' means)."""

    value: float
    low: float
    high: float


def means(drawn: Sequence[MeasuredSubject]) -> dict[str, Mean]:
    """Compute the mean of every metric of a variant over subjects."""
    return {name: _mean(_by_subject(drawn, name)) for name in drawn[0].measures}


def difference(drawn: Sequence[MeasuredSubject], base: Sequence[MeasuredSubject], name: str) -> Mean:
    """Compute the paired difference of a metric between two variants, over the same subjects."""
    return _mean(_by_subject(drawn, name) - _by_subject(base, name))


def ablation_steps(by_name: Mapping[str, Sequence[MeasuredSubject]], name: str) -> list[tuple[str, str, Mean]]:
    """Return the steps of the ablation, (from, to, difference of the metric ``name``); each should be above zero."""
    rungs = (
        ("plain", "+ SE"),
        ("plain", "+ S-S-A"),
        ("+ SE", "+ S-S-A"),
        ("+ SE", "SE + S-S-A"),
        ("+ S-S-A", "SE + S-S-A"),
    )
    return [
        (low, high, difference(by_name[high], by_name[low], name))
        for low, high in rungs
        if low in by_name and high in by_name
    ]


def _by_subject(drawn: Sequence[MeasuredSubject], name: str) -> NDArray[np.float64]:
    return np.array([one.measures[name].mean() for one in drawn])


def _mean(values: NDArray[np.float64]) -> Mean:
    mean = float(values.mean())
    if len(values) < 2:
        return Mean(mean, mean, mean)
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Mean(mean, mean - half, mean + half)
