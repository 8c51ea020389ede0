"""Plots the simulation: claims and idle time by the number of workers, claims over time."""

import io
from collections.abc import Sequence

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from deploy.bench.scale.measure import WINDOW_SECONDS, Measured

INK, GREY, LINE = "#26241f", "#7c776d", "#e3dfd7"
COLOURS = {"p50": "#3a6ea5", "p95": "#b4482e", "p99": "#c08a1e"}
WANTED_P95_MS, WANTED_IDLE = 50.0, 3.0
DPI = 160


def curves(rows: Sequence[Measured]) -> bytes:
    """Plot the measurements as a PNG."""
    figure, (claims, idle, course) = plt.subplots(1, 3, figsize=(11, 3.4), constrained_layout=True)
    workers = [row.workers for row in rows]
    for name, colour in COLOURS.items():
        times = [getattr(row.claims, f"{name}_ms") for row in rows]
        claims.plot(workers, times, color=colour, marker="o", markersize=5, label=name)
    _wanted(claims, WANTED_P95_MS, "p95 wanted")
    claims.set_title("a claim, ms", fontsize=10, color=INK)
    claims.legend(frameon=False, fontsize=8)
    idle.plot(workers, [100 * row.idle for row in rows], color=COLOURS["p50"], marker="o", markersize=5)
    _wanted(idle, WANTED_IDLE, "wanted")
    idle.set_title("workers' time without work, %", fontsize=10, color=INK)
    for axes in (claims, idle):
        axes.set_xscale("log")
        axes.set_xticks(workers, [f"{number:,}" for number in workers])
        axes.minorticks_off()
        axes.set_xlabel("workers", fontsize=9)
    last = rows[-1]
    windows = list(last.claims.windows_p95_ms)
    minutes = [WINDOW_SECONDS * (i + 0.5) / 60 for i in range(len(windows))]
    course.plot(minutes, windows, color=COLOURS["p95"], linewidth=1.4)
    _wanted(course, WANTED_P95_MS, "wanted")
    course.set_title(f"claim p95 of {WINDOW_SECONDS:g} s, {last.workers:,} workers, ms", fontsize=10, color=INK)
    course.set_xlabel("minutes", fontsize=9)
    for axes in (claims, idle, course):
        axes.set_ylim(bottom=0)
        axes.grid(color=LINE)
        axes.set_axisbelow(True)
        axes.tick_params(colors=GREY, labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(LINE)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    plt.close(figure)
    return out.getvalue()


def _wanted(axes: Axes, value: float, label: str) -> None:
    axes.axhline(value, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(label, (0.02, value), xycoords=("axes fraction", "data"), fontsize=7.5, color=GREY, va="bottom")
