"""Writes and reads log.jsonl of a training's folder: one line of metrics, step and seconds per `log_every` steps."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FILE = "log.jsonl"


class Log:
    """The log of one start. `first`: the step that it resumes from; later lines of a killed run are dropped."""

    def __init__(self, folder: Path, first: int, steps: int) -> None:
        self.file, self.name, self.first, self.steps = folder / FILE, folder.name, first, steps
        forget(folder, first)
        self.started = time.monotonic()
        self.begun = self.started - seconds_spent(folder)  # when a start without interruption would have begun

    def write(self, step: int, metrics: Mapping[str, float], report: Callable[[str], None]) -> dict[str, float]:
        """Append the line of a step and report it. Returns it with the steps in all and the seconds left."""
        now = time.monotonic()
        rate = (step - self.first) / max(now - self.started, 1e-9)
        left = (self.steps - step) / rate if rate else 0.0
        line = {
            **{name: float(f"{value:.6g}") for name, value in metrics.items()},
            "step": step,
            "steps_per_second": round(rate, 3),
            "seconds": round(now - self.begun, 1),
        }
        with self.file.open("a") as log:
            log.write(json.dumps(line) + "\n")
        shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        report(f"{self.name} {step}/{self.steps}  {shown}  {rate:.2f} steps/s  ETA {left / 60:.0f} min")
        return line | {"steps": self.steps, "seconds_left": left}


def log_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the training in `folder`, in order; empty if it has none. A cut line is left out."""
    file = folder / FILE
    whole = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in whole if line.endswith("\n")]


def forget(folder: Path, step: int) -> None:
    """Drop the lines of steps after the last save of a killed run: those steps are repeated."""
    if (folder / FILE).exists():
        kept = [line for line in log_lines(folder) if line["step"] <= step]
        (folder / FILE).write_text("".join(json.dumps(line) + "\n" for line in kept))


def seconds_spent(folder: Path) -> float:
    """Return the seconds that earlier runs of this training took, up to the saved step."""
    lines = log_lines(folder)
    return float(lines[-1].get("seconds", 0.0)) if lines else 0.0


def last_step(folder: Path) -> int:
    """Return the last step that the training in ``folder`` logged."""
    return int(log_lines(folder)[-1]["step"])


def trained_parts(root: Path) -> dict[str, tuple[int, float]]:
    """Return the trainings in the folders of ``root``, by name: steps done and seconds spent."""
    last = {file.parent.name: log_lines(file.parent)[-1] for file in sorted(root.glob(f"*/{FILE}"))}
    return {name: (line["step"], line.get("seconds", 0.0)) for name, line in last.items()}
