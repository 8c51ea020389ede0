"""Figures of a training at work: what the U-Net's averaged weights draw by now, on validation identities."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from dreamtuner.evaluation.base_model import HeldOut, detail_figures, draw, prompt_figures
from dreamtuner.evaluation.intervals import Figure
from dreamtuner.evaluation.views_and_pairs import pair_figures, pairs_asked, view_figures, views_asked
from dreamtuner.pocket.training.export import trained_oracle, trained_pipeline
from dreamtuner.pocket.world import VALIDATION, caption, detailed_caption
from dreamtuner.score.oracle import Oracle
from dreamtuner.train.state import saved_step

FILE = "watch.jsonl"


def _quiet(line: str) -> None:
    pass


def watched(workshop: Path, oracle: Oracle, count: int) -> list[Figure]:
    """Prompts, detailed prompts, views and pairs, ``count`` pictures each, by the U-Net that ``workshop`` trains."""
    pipe, asked = trained_pipeline(workshop), HeldOut.draw(count, VALIDATION)
    plain = [caption(p.identity, p.context) for p in asked.pictures]
    detailed = [detailed_caption(p.identity, p.context) for p in asked.pictures]
    return [
        *prompt_figures(oracle, draw(pipe, plain, _quiet), asked),
        *detail_figures(oracle, draw(pipe, detailed, _quiet), asked),
        *view_figures(oracle, pipe, views_asked(count, VALIDATION), _quiet),
        *pair_figures(oracle, pipe, pairs_asked(count, VALIDATION), _quiet),
    ]


def watch(workshop: Path, count: int = 60, start: Path | None = None) -> Path:
    """Measure once and append the figures to ``workshop/watch.jsonl``, a line a step; returns that file.

    The oracle is the one that ``workshop`` trained; where it has none yet, that of the weights ``start``.
    """
    torch.set_num_threads(1)
    step = saved_step(workshop / "unet")
    own = (workshop / "oracle" / "state.safetensors").exists()
    oracle = trained_oracle(workshop) if own or start is None else Oracle.load(start / "oracle")
    figures = watched(workshop, oracle, count)
    with (workshop / FILE).open("a") as file:
        file.write(json.dumps({"step": step, "count": count, "figures": [asdict(f) for f in figures]}) + "\n")
    return workshop / FILE


def last(file: Path) -> Sequence[str]:
    """The newest line of ``file`` in words, a figure a line."""
    line = json.loads(file.read_text().splitlines()[-1])
    return [f"step {line['step']}", *(f"{f['group']}: {f['name']} {100 * f['value']:.1f} %" for f in line["figures"])]


if __name__ == "__main__":
    print("\n".join(last(watch(Path(sys.argv[1])))))
