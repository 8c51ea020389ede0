"""Metric values with 95 % confidence intervals and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class MetricValue:
    """One measured value with its 95 % interval. ``unit``: a share in 0..1, decibels, or seconds."""

    group: str
    name: str
    value: float
    low: float
    high: float
    unit: Literal["share", "dB", "s"]
    wanted: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the value is at least (``at_most``: at most) its target; None if there is none."""
        if self.wanted is None:
            return None
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted

    def words(self) -> str:
        """Format the value and its interval, such as ``97.4 % (95.6 to 98.5)``."""
        scale, unit = (100, "%") if self.unit == "share" else (1, self.unit)
        shown = f"{scale * self.value:.1f} {unit}"
        return shown if self.low == self.high else f"{shown} ({scale * self.low:.1f} to {scale * self.high:.1f})"

    def wanted_words(self) -> str:
        """Format the target, such as ``at least 97 %``; empty if there is none."""
        if self.wanted is None:
            return ""
        value = f"{100 * self.wanted:.0f} %" if self.unit == "share" else f"{self.wanted:.0f} {self.unit}"
        return f"{'at most' if self.at_most else 'at least'} {value}"


def share(group: str, name: str, hits: Sequence[bool] | NDArray[np.bool_], wanted: float | None = None) -> MetricValue:
    """Return the share of hits, with Wilson's interval."""
    count, total = int(np.sum(hits)), len(hits)
    interval = stats.binomtest(count, total).proportion_ci(method="wilson")
    return MetricValue(group, name, count / total, float(interval.low), float(interval.high), "share", wanted)


def mean_share(group: str, name: str, values: Sequence[float], wanted: float | None = None) -> MetricValue:
    """Return the mean of values in 0..1, with a bootstrap interval over them."""
    low, high = bootstrap(np.asarray(values))
    return MetricValue(group, name, float(np.mean(values)), low, high, "share", wanted)


def decibels(group: str, name: str, errors: NDArray[np.float64], wanted: float | None = None) -> MetricValue:
    """Return the PSNR of the mean squared errors, one per image, of values in -1..1; the interval is over images."""
    low, high = bootstrap(errors)
    psnr, worst, best = (float(10 * np.log10(4.0 / mse)) for mse in (float(errors.mean()), high, low))
    return MetricValue(group, name, psnr, worst, best, "dB", wanted)


def bootstrap(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of independent values, by 2,000 seeded resamples (percentiles)."""
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = stats.bootstrap((values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
