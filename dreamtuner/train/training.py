"""The training of one process: its share of each step, optimizer, averaged weights, previews, log and state."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dreamtuner.train.divided_tensor import local, whole
from dreamtuner.train.log import Log
from dreamtuner.train.optimizers import optimizer_of
from dreamtuner.train.processes.shards import gathered
from dreamtuner.train.processes.share import Share, shares
from dreamtuner.train.processes.team import Team
from dreamtuner.train.save_times import SaveTimes
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Divisible, Ends, Events, Measured, Previews, Rated, Stage, StageFactory
from dreamtuner.train.state import TrainState, load_state, save_state, state_bytes, trainable
from dreamtuner.train.termination import Termination

Report = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """The arguments of every replica of one training."""

    factory: StageFactory
    settings: LoopSettings
    folder: Path
    device: str
    minutes: float | None
    world: int


class _Loss(nn.Module):
    """The loss of a stage as a module's forward pass, which is what DDP wraps."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.learns = stage.learns

    def forward(self, share: Share) -> tuple[Tensor, dict[str, float]]:
        return share.loss()


class Training:
    """The training of one process: its stage, optimizer, state and log."""

    def __init__(self, run: Run, team: Team, report: Report, events: Events) -> None:
        settings = run.settings
        torch.set_flush_denormal(True)
        torch.manual_seed(settings.seed)
        self.run, self.team, self.report, self.events = run, team, report, events
        own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        place = own if run.device == "cuda" and team.world > 1 else run.device
        self.device = torch.device(place)
        self.stage = run.factory.build(self.device)
        blocks = self.stage.blocks if isinstance(self.stage, Divisible) else ()
        self.divided = team.world > 1 and bool(blocks)
        self.model = team.wrap(_Loss(self.stage), blocks)  # before the optimizer: divided parameters are new ones
        self.parameters = trainable(self.stage.learns)
        self.optimizer = optimizer_of(settings, _groups(self.stage, self.parameters))
        self.state = load_state(run.folder, self.stage.learns, self.optimizer, averaged=settings.ema > 0)
        self.autocast = settings.autocast(self.device.type)
        self.first = team.rank == 0
        self.log = Log(run.folder, self.state.step, settings.steps) if self.first else None
        self.saves = SaveTimes(settings, lambda: state_bytes(self.state, self.stage.learns, self.optimizer))

    def run_until(self, termination: Termination) -> int:
        """Train to the last step, or until it is told to stop. Returns the step."""
        run, settings, state, team = self.run, self.run.settings, self.state, self.team
        started, sums, summed = time.monotonic(), dict[str, float](), 0
        enough = self._enough()
        while state.step < settings.steps and not enough:
            figures = self._step()
            over = run.minutes is not None and time.monotonic() - started > run.minutes * 60
            late = team.any(over or termination.requested)
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value
            summed += 1
            self._preview()
            # checked after the preview, whose score a stage may use, and before the state, which contains it, is saved
            enough = self._enough()
            stop = late or state.step == settings.steps or enough
            if stop or state.step % settings.log_every == 0:
                self._log({name: value / summed for name, value in sums.items()})
            if state.step % settings.log_every == 0:
                sums, summed = {}, 0
            if self._agreed(stop or self.saves.due(state.step)):
                self._save()
            if late:
                break
        if self._agreed(state.step == 0):  # no steps were requested: the result is what the stage starts from
            self._save()
        team.end()
        return state.step

    def _step(self) -> dict[str, float]:
        """Do one optimizer step. Returns the metrics of this process."""
        settings, step = self.run.settings, self.state.step
        for group in self.optimizer.param_groups:
            group["lr"] = settings.lr_at(step) * group["rate"]
        figures: dict[str, float] = {}
        parts = list(shares(self.stage, step, settings, self.team.rank, self.team.world))
        for i, share in enumerate(parts):
            with nullcontext() if i == len(parts) - 1 else self.team.apart(self.model):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                    loss, found = self.model(share)
                (loss * share.weight).backward()
            for name, value in {"loss": float(loss.detach()), **found}.items():
                figures[name] = figures.get(name, 0.0) + share.weight * value
            del loss  # its graph would be held while the next one is built
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        norm = whole(nn.utils.get_total_norm(gradients))
        nn.utils.clip_grads_with_norm_(self.parameters.values(), settings.clip, norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)  # here, so that a preview need not share the memory with gradients
        self.state.step += 1
        self._average()
        return {"loss": figures.pop("loss"), "grad_norm": float(norm), **figures}

    def _average(self) -> None:
        if not self.state.ema:
            return
        decay = min(self.run.settings.ema, (1 + self.state.step) / (10 + self.state.step))
        means = [local(one) for one in self.state.ema.values()]
        torch._foreach_lerp_(means, [local(p.detach()) for p in self.parameters.values()], 1 - decay)

    def _enough(self) -> bool:
        return isinstance(self.stage, Ends) and self.team.any(self.stage.enough())

    def _agreed(self, first: bool) -> bool:
        """Return what the first process says, in every process that has to take part in it; False in the others."""
        mine = first and self.first
        return self.team.any(mine) if self.divided else mine

    def _preview(self) -> None:
        """Preview by the averaged weights if it is due."""
        every, step = self.run.settings.preview_every, self.state.step
        if not every or step % every or not isinstance(self.stage, Previews) or not (self.divided or self.first):
            return
        with averaged(self.parameters, self.state), gathered(self.model), torch.no_grad():
            picture = self.stage.preview()
        if not self.first:
            return
        file = self.run.folder / f"preview-{step:06d}.png"
        partial = file.with_suffix(".partial")
        picture.save(partial, "PNG")
        partial.rename(file)
        self.events.previewed(step, file)

    def _log(self, metrics: dict[str, float]) -> None:
        metrics = self.team.mean(metrics)
        if self.log is None:
            return
        measured = self.stage.measured(self.state.step) if isinstance(self.stage, Measured) else {}
        self.events.logged(self.log.write(self.state.step, {**metrics, **measured}, self.report))

    def _save(self) -> None:
        save_state(self.run.folder, self.state, self.stage.learns, self.optimizer, writes=self.first)
        if self.first:
            self.events.saved(self.state.step)
        self.saves.saved()


@contextmanager
def averaged(parameters: dict[str, nn.Parameter], state: TrainState) -> Iterator[None]:
    """Put the averaged weights in the place of the current ones inside; nothing if no average is kept."""
    current = {name: parameters[name].detach().clone() for name in state.ema}
    with torch.no_grad():
        try:
            for name, mean in state.ema.items():
                parameters[name].copy_(mean)
            yield
        finally:
            for name, value in current.items():
                parameters[name].copy_(value)


def _groups(stage: Stage, parameters: dict[str, nn.Parameter]) -> list[dict[str, Any]]:
    """Group the parameters by the factor of their learning rate."""
    rates: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        rates.setdefault(stage.rate(name) if isinstance(stage, Rated) else 1.0, []).append(parameter)
    return [{"params": ours, "rate": rate} for rate, ours in rates.items()]
