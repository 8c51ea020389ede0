"""Measures a running training: images by the U-Net's averaged weights, on validation identities."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from dreamtuner.evaluation.base_model import HeldOutSet, detail_metrics, draw, prompt_metrics
from dreamtuner.evaluation.intervals import MetricValue
from dreamtuner.evaluation.views_and_pairs import pair_metrics, sample_pairs, sample_views, view_metrics
from dreamtuner.pocket.training.export import trained_oracle, trained_pipeline
from dreamtuner.pocket.world import VALIDATION, caption, detailed_caption
from dreamtuner.score.oracle import Oracle
from dreamtuner.train.state import saved_step

FILE = "watch.jsonl"


def _quiet(line: str) -> None:
    pass


def watched(work_dir: Path, oracle: Oracle, count: int) -> list[MetricValue]:
    """Measure prompts, detailed prompts, views and pairs, ``count`` images each, with the U-Net of ``work_dir``."""
    pipe, requested = trained_pipeline(work_dir), HeldOutSet.sample(count, VALIDATION)
    plain = [caption(p.identity, p.context) for p in requested.pictures]
    detailed = [detailed_caption(p.identity, p.context) for p in requested.pictures]
    return [
        *prompt_metrics(oracle, draw(pipe, plain, _quiet), requested),
        *detail_metrics(oracle, draw(pipe, detailed, _quiet), requested),
        *view_metrics(oracle, pipe, sample_views(count, VALIDATION), _quiet),
        *pair_metrics(oracle, pipe, sample_pairs(count, VALIDATION), _quiet),
    ]


def watch(work_dir: Path, count: int = 60, start: Path | None = None) -> Path:
    """Measure once and append the metrics to ``work_dir/watch.jsonl``, one line per step; return that file.

    The oracle is that of ``work_dir``; until it is trained, that of the weights ``start``.
    """
    torch.set_num_threads(1)
    step = saved_step(work_dir / "unet")
    own = (work_dir / "oracle" / "state.safetensors").exists()
    oracle = trained_oracle(work_dir) if own or start is None else Oracle.load(start / "oracle")
    figures = watched(work_dir, oracle, count)
    with (work_dir / FILE).open("a") as file:
        file.write(json.dumps({"step": step, "count": count, "figures": [asdict(f) for f in figures]}) + "\n")
    return work_dir / FILE


def last(file: Path) -> Sequence[str]:
    """Format the newest line of ``file``, one line per metric."""
    line = json.loads(file.read_text().splitlines()[-1])
    return [f"step {line['step']}", *(f"{f['group']}: {f['name']} {100 * f['value']:.1f} %" for f in line["figures"])]


if __name__ == "__main__":
    print("\n".join(last(watch(Path(sys.argv[1])))))
