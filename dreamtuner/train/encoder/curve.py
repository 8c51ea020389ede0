"""Draws the learning curves of a stage 1 from its log: losses, likeness of validation images, and the learning rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dreamtuner.train.log import log_lines
from dreamtuner.train.settings import LoopSettings

SMOOTHED = 9
"""Log lines that the drawn loss is the mean of; the single ones are drawn faintly."""


def draw_curves(folder: Path, settings: LoopSettings, out: Path) -> None:
    """Write the curves of the training in `folder` to a PNG; nothing before its first log line."""
    lines = log_lines(folder)
    if not lines:
        return
    figure, (losses, likeness, rate) = plt.subplots(
        3, 1, sharex=True, figsize=(8, 7), height_ratios=(3, 2, 1), layout="constrained"
    )
    steps, loss = _series(lines, "loss")
    losses.plot(steps, loss, color="C0", alpha=0.25, linewidth=1)
    losses.plot(steps, _smoothed(loss), color="C0", label=f"training, mean of {SMOOTHED} log lines")
    losses.plot(*_series(lines, "val_loss"), "o-", color="C1", label="held-out images, fixed noise")
    losses.set_ylabel("loss")
    losses.legend()
    likeness.plot(*_series(lines, "identity"), "o-", color="C2")
    likeness.set_ylabel("masked CLIP-I of\nvalidation images")
    rate.plot(steps, [settings.lr_at(int(step) - 1) for step in steps], color="C3")
    rate.set_ylabel("learning rate")
    rate.set_xlabel("step")
    likeness.ticklabel_format(useOffset=False)
    for axis in (losses, likeness, rate):
        axis.grid(alpha=0.3)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def _series(lines: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    found = [(line["step"], line[name]) for line in lines if name in line]
    return [step for step, _ in found], [value for _, value in found]


def _smoothed(values: list[float]) -> list[float]:
    """Return the mean of the last `SMOOTHED` values at each place."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    counts = np.minimum(np.arange(1, len(values) + 1), SMOOTHED)
    ends = np.arange(1, len(values) + 1)
    means: list[float] = ((sums[ends] - sums[ends - counts]) / counts).tolist()
    return means
