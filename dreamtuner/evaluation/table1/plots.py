"""Plots the table as SVG text: identity against prompt (95 % crosses), and both by steps (Fig. 10)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from dreamtuner.evaluation.ablations import Mean

INK, GREY, LINE = "#26241f", "#7c776d", "#e3dfd7"
OURS = "#b4482e"
COLOURS = ("#3a6ea5", "#6c8e3c", "#8a5a9e", "#c08a1e", "#3f8f8a", "#a3586d", "#5f6b7a", "#2f4858", "#9a7b4f")
MARKERS = "osD^v<PXdp*h"
Summaries = Mapping[str, Mapping[str, Mean]]
"""Means over subjects, by row and metric."""


def scatter(rows: Summaries, ours: Sequence[str]) -> str:
    """Plot identity against prompt, one cross of intervals per row; the rows `ours` have a colour of their own."""
    figure, axes = plt.subplots(figsize=(9.2, 4.6), constrained_layout=True)
    others = [name for name in rows if name not in ours]
    for i, (name, row) in enumerate(rows.items()):
        x, y = row["prompt"], row["identity"]
        colour = OURS if name in ours else COLOURS[others.index(name) % len(COLOURS)]
        axes.errorbar(
            100 * x.value,
            100 * y.value,
            xerr=_arms(x),
            yerr=_arms(y),
            color=colour,
            marker=MARKERS[i % len(MARKERS)],
            markersize=8 if name in ours else 6.5,
            linestyle="none",
            linewidth=1,
            alpha=0.95,
            label=name,
        )
    axes.set_xlabel("prompt: the attributes that it names, %")
    axes.set_ylabel("identity: the reference's attributes, %")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=9)
    return _svg(figure, axes)


def by_steps(curves: Mapping[str, Mapping[int, Mapping[str, Mean]]], measure: str, label: str) -> str:
    """Plot a metric by steps of fine-tuning, one curve per method with its intervals; the last is DreamTuner's.

    `curves`: means by name and steps.
    """
    figure, axes = plt.subplots(figsize=(5.8, 3.6), constrained_layout=True)
    for i, (name, points) in enumerate(curves.items()):
        steps = sorted(points)
        means = [points[step][measure] for step in steps]
        colour = OURS if i == len(curves) - 1 else COLOURS[i]
        axes.plot(steps, [100 * m.value for m in means], color=colour, marker=MARKERS[i], markersize=5, label=name)
        axes.fill_between(
            steps, [100 * m.low for m in means], [100 * m.high for m in means], color=colour, alpha=0.13, linewidth=0
        )
        axes.set_xticks(steps)
    axes.set_xlabel("steps of fine-tuning")
    axes.set_ylabel(label)
    axes.legend(frameon=False, fontsize=9)
    return _svg(figure, axes)


def _arms(mean: Mean) -> list[list[float]]:
    return [[max(0.0, 100 * (mean.value - mean.low))], [max(0.0, 100 * (mean.high - mean.value))]]


def _svg(figure: Any, axes: Any) -> str:
    axes.grid(color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    buffer = io.StringIO()
    # text as text is smaller, searchable and accessible; without a date, equal plots are equal files
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "table1", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
