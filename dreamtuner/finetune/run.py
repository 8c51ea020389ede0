"""Fine-tune one subject in a folder of its own: killed, it goes on from the step that was saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from dreamtuner.finetune.result import Checkpoint
from dreamtuner.finetune.stage import FineTuneFactory
from dreamtuner.train.loop import train
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Events

SAVE_EVERY, LOG_EVERY = 50, 10


@dataclass(frozen=True)
class FineTuneResult:
    """What came of it: after how many steps, and how like the reference (-1..1) the previews were, one after another.

    `identities` is empty where the profile has no tower to score by.
    """

    tuned: Checkpoint
    steps: int
    identities: tuple[float, ...]


def loop_settings(factory: FineTuneFactory, *, save_every: int = SAVE_EVERY) -> LoopSettings:
    """The loop's numbers. Its learning rate is 1: the stage gives each group its own."""
    s = factory.settings
    return LoopSettings.model_validate(
        {
            **{name: getattr(s, name) for name in ("steps", "warmup", "cooldown", "ema", "seed", "preview_every")},
            "lr": 1.0,
            "log_every": LOG_EVERY,
            "save_every": save_every,
        }
    )


def fine_tune(
    factory: FineTuneFactory,
    *,
    device: str = "cpu",
    save_every: int = SAVE_EVERY,
    report: Callable[[str], None] = print,
    events: Events | None = None,
) -> FineTuneResult:
    """Learn the subject, or go on learning it, and return what has been learnt."""
    loop = loop_settings(factory, save_every=save_every)
    steps = train(factory, loop, factory.folder, device=device, report=report, events=events)
    stage = factory.finished(torch.device(device))
    return FineTuneResult(stage.tuned(), steps, tuple(stage.identities))
