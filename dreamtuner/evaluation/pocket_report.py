"""Writes the training report: loss curves, samples by step, and the metrics of the finished weights."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import FormatStrFormatter, NullFormatter

from dreamtuner.evaluation.base_model import Measurement, measure_weights
from dreamtuner.evaluation.intervals import MetricValue
from dreamtuner.evaluation.pocket_sheets import SHOWN, join_previews, world_sheet, write_sheets
from dreamtuner.evaluation.views_and_pairs import pair_metrics, sample_pairs, sample_views, view_metrics
from dreamtuner.families.unet.load import read_pipeline
from dreamtuner.pocket.training.preview import PROMPTS
from dreamtuner.pocket.training.scale import Scale
from dreamtuner.pocket.world import TEST, caption
from dreamtuner.score.oracle import Oracle
from dreamtuner.train.log import trained_parts


def loss_curves(work_dir: Path, parts: Sequence[str], out: Path) -> None:
    """Plot the loss of each part by step, side by side."""
    figure, ((*axes,),) = plt.subplots(
        1, len(parts), figsize=(3.2 * len(parts), 3.0), constrained_layout=True, squeeze=False
    )
    for axis, part in zip(axes, parts, strict=True):
        log = [json.loads(line) for line in (work_dir / part / "log.jsonl").read_text().splitlines()]
        axis.plot([line["step"] for line in log], [line["loss"] for line in log], linewidth=1.2)
        axis.set(title=part, xlabel="step", yscale="log")
        low, high = axis.get_ylim()
        axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axis.yaxis.set_minor_formatter(FormatStrFormatter("%g") if high < 10 * low else NullFormatter())
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("loss")
    figure.savefig(out, dpi=110)
    plt.close(figure)


def write_report(work_dir: Path, scale: Scale, say: Callable[[str], None]) -> Path:
    """Measure ``work_dir/weights`` on held-out identities and write ``report/``: README.md, metrics and images."""
    folder = work_dir / "report"
    folder.mkdir(exist_ok=True)
    parts = trained_parts(work_dir)
    measured = measure_weights(work_dir / "weights", scale.samples, say)
    if scale.views or scale.pairs:
        measured = replace(measured, figures=[*measured.figures, *_wider(work_dir / "weights", scale, say)])
    rows = [{**asdict(figure), "met": figure.met} for figure in measured.figures]
    hardware = {"cpus": os.cpu_count(), "machine": platform.machine(), "gpu": _gpu()}
    (folder / "figures.json").write_text(
        json.dumps({"parts": parts, "hardware": hardware, "prompts": scale.samples, "figures": rows}, indent=1) + "\n"
    )
    loss_curves(work_dir, list(parts), folder / "curves.png")
    steps = join_previews(work_dir / "unet", folder / "steps.png")
    write_sheets(measured, folder)
    world_sheet(measured.requested).save(folder / "world.png")
    (folder / "README.md").write_text(_words(measured, parts, hardware, steps))
    return folder


def _wider(weights: Path, scale: Scale, say: Callable[[str], None]) -> list[MetricValue]:
    """Measure views and pairs of subjects, if the training data had them."""
    oracle = Oracle.load(weights / "oracle")
    pipe = read_pipeline(weights)
    rows: list[MetricValue] = []
    if scale.views:
        rows += view_metrics(oracle, pipe, sample_views(scale.samples, TEST), lambda line: say(f"views: {line}"))
    if scale.pairs:
        rows += pair_metrics(oracle, pipe, sample_pairs(scale.samples, TEST), lambda line: say(f"pairs: {line}"))
    return rows


def _gpu() -> str | None:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def metrics_table(figures: Sequence[MetricValue]) -> str:
    """Format the metrics as a Markdown table."""
    mark = {None: "", True: "reached", False: "**missed**"}
    rows = [f"| {f.group} | {f.name} | {f.words()} | {f.wanted_words()} | {mark[f.met]} |" for f in figures]
    return "\n".join(("| | | measured (95 %) | target | |", "| --- | --- | --- | --- | --- |", *rows)) + "\n"


def _words(
    measured: Measurement, parts: dict[str, tuple[int, float]], hardware: Mapping[str, object], steps: Sequence[int]
) -> str:
    trained = "\n".join(f"| {name} | {done} | {seconds / 60:.0f} |" for name, (done, seconds) in parts.items())
    prompts = "\n".join(
        f"{i + 1}. {caption(p.identity, p.context)}" for i, p in enumerate(measured.requested.pictures[:SHOWN])
    )
    previews = (
        f"## The U-Net by step\n\nSteps {', '.join(map(str, steps))} from top to bottom, averaged weights. "
        f"From left to right: {'; '.join(PROMPTS)}.\n\n![samples at steps](steps.png)\n\n"
        if steps
        else ""
    )
    return f"""# Training report of the pocket model

| part | steps | minutes |
| --- | --- | --- |
{trained}

Trained on: {hardware["cpus"]} CPUs ({hardware["machine"]}), GPU: {hardware["gpu"] or "none"}.

![loss by step](curves.png)

## The world

From top to bottom: image, mask, depth and skeleton of twelve identities that training never saw.

![the pocket world](world.png)

{previews}## Metrics

{len(measured.requested.pictures)} identities that no training image shows, one context each. Images are generated by
the stock diffusers pipelines, 20 steps, guidance 4, and classified by the oracle.

{metrics_table(measured.figures)}
## Images

Generated from the captions below, row by row:

![generated from prompts](prompt.png)

Conditioned on the depth map of the rendered image; the caption does not name the pose:

![conditioned on depth](depth.png)

Conditioned on its skeleton:

![conditioned on pose](pose.png)

Rendered for the same identities and contexts (the captions do not describe the identity):

![rendered](asked.png)

{prompts}
"""
