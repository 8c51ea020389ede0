"""Fine-tunes one subject in its own folder; if killed, it resumes from the last saved step."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from dreamtuner.finetune.factory import FineTuneFactory, ignore
from dreamtuner.finetune.processes import images_per_step
from dreamtuner.finetune.result import Checkpoint
from dreamtuner.train.loop import train
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Events

SAVE_EVERY, LOG_EVERY = 50, 10
SAVE_MINUTES = 5.0
"""A state that is not small is saved by the clock: storing that of mode full takes many steps' time."""


@dataclass(frozen=True)
class FineTuneResult:
    """The result of a fine-tuning: the checkpoint, the number of steps, and the scores of the previews in order.

    Scores are in -1..1; `identities` is empty if the profile has no CLIP model to score with.
    """

    tuned: Checkpoint
    steps: int
    identities: tuple[float, ...]


def loop_settings(factory: FineTuneFactory, *, save_every: int = SAVE_EVERY) -> LoopSettings:
    """Return the loop's settings. Its learning rate is 1: the stage sets that of each group."""
    names = ("steps", "warmup", "cooldown", "ema", "seed", "preview_every", "optimizer", "accumulate")
    s = factory.settings
    return LoopSettings.model_validate(
        {
            **{name: getattr(s, name) for name in names},
            "lr": 1.0,
            "precision": "bf16" if s.precision == "bfloat16" else "fp32",
            "log_every": LOG_EVERY,
            "save_every": save_every,
            "save_minutes": SAVE_MINUTES,
        }
    )


def fine_tune(
    factory: FineTuneFactory,
    *,
    device: str = "cpu",
    processes: int = 1,
    save_every: int = SAVE_EVERY,
    report: Callable[[str], None] = print,
    events: Events | None = None,
) -> FineTuneResult:
    """Fine-tune on the subject, resuming if the folder has a saved state. Returns the result.

    Several `processes` share the images of a step, at most as many as there are: on a GPU each, or on CPU threads. The
    result is the same up to the order of sums, and any number of them resumes a training.
    """
    loop = loop_settings(factory, save_every=save_every)
    processes = min(processes, images_per_step(factory.settings))
    started = (
        factory if processes == 1 else replace(factory, on_class_image=ignore)
    )  # which other processes cannot call
    steps = train(started, loop, factory.folder, device=device, processes=processes, report=report, events=events)
    gc.collect()  # the models that were trained, before the same ones are loaded again
    stage = factory.finished(torch.device(device))
    return FineTuneResult(stage.tuned(), steps, tuple(stage.identities))
