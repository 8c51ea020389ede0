"""The one training loop: seeded by step, resumable to the exact step, averaged, on one device or several processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from dreamtuner.train.log import Log, last_step
from dreamtuner.train.optimizers import optimizer_of
from dreamtuner.train.save_times import SaveTimes
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.share import Share, shares
from dreamtuner.train.stage import Ends, Events, Measured, Previews, Rated, Stage, StageFactory
from dreamtuner.train.state import TrainState, load_state, save_state, state_bytes, trainable
from dreamtuner.train.team import Alone, Replicas, Team, free_port, in_replica, launched
from dreamtuner.train.termination import Termination, termination_after_step

Report = Callable[[str], None]


def train(
    factory: StageFactory,
    settings: LoopSettings,
    folder: Path,
    *,
    device: str = "cpu",
    processes: int = 1,
    minutes: float | None = None,
    report: Report = print,
    events: Events | None = None,
) -> int:
    """Train until ``settings.steps``, or until ``minutes`` have passed; a later call resumes from there.

    A stage that `Ends` may stop earlier. SIGTERM is acted on after the current step, once the state is saved. With
    ``processes`` > 1 each runs a replica, on one thread of a CPU or on a GPU of its own, and gradients are averaged:
    the batch is ``processes`` times the stage's, or that of a stage `ByRow`, which the processes share. A process of
    `accelerate launch` or torchrun is one replica. ``folder`` receives the state and ``log.jsonl``, one line per
    ``log_every`` steps. ``events`` are called if a single process trains. Returns the total number of steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if processes > 1 and device.startswith("cuda:"):
        raise ValueError(f"processes: {processes} replicas take a GPU each; give the device cuda, not {device}")
    if device == "cuda" and processes > torch.cuda.device_count():
        raise ValueError(f"processes: {processes} replicas take a GPU each; there are {torch.cuda.device_count()}")
    if settings.steps == 0:
        processes = 1
    run = _Run(factory, settings, folder, device, minutes, processes)
    if launched() is not None:
        return _work(run, Replicas(device), report, Events())
    if processes == 1:
        with _as_before():
            return _work(run, Alone(), report, events or Events())
    context = spawn(_replica, (run, free_port()), nprocs=processes, join=False)

    with termination_after_step() as termination:
        told = False
        while not context.join(timeout=0.2):
            if termination.requested and not told:
                told = True
                for pid in context.pids():
                    os.kill(pid, signal.SIGTERM)
    return last_step(folder)


@contextmanager
def _as_before() -> Iterator[None]:
    """Restore process-wide settings after training, since the process may generate images afterwards."""
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            torch.set_flush_denormal(False)


@dataclass(frozen=True)
class _Run:
    """The arguments of every replica of one training."""

    factory: StageFactory
    settings: LoopSettings
    folder: Path
    device: str
    minutes: float | None
    world: int


def _replica(rank: int, run: _Run, port: int) -> None:
    in_replica(rank, run.world, port, run.device, lambda: _work(run, Replicas(run.device), _say, Events()))
    sys.stdout.flush()
    os._exit(0)  # all is saved; taking gloo down can abort a replica whose peer was quicker


def _say(line: str) -> None:
    print(line, flush=True)


def _work(run: _Run, team: Team, report: Report, events: Events) -> int:
    training = _Training(run, team, report, events)
    with termination_after_step() as termination:
        return training.run_until(termination)


class _Loss(nn.Module):
    """The loss of a stage as a module's forward pass, which is what DDP wraps."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.learns = stage.learns

    def forward(self, share: Share) -> tuple[Tensor, dict[str, float]]:
        return share.loss()


class _Training:
    """The training of one process: its stage, optimizer, state and log."""

    def __init__(self, run: _Run, team: Team, report: Report, events: Events) -> None:
        settings = run.settings
        torch.set_flush_denormal(True)
        torch.manual_seed(settings.seed)
        self.run, self.team, self.report, self.events = run, team, report, events
        local = int(os.environ.get("LOCAL_RANK", "0"))
        place = f"cuda:{local}" if run.device == "cuda" and team.world > 1 else run.device
        self.device = torch.device(place)
        self.stage = run.factory.build(self.device)
        self.parameters = trainable(self.stage.learns)
        self.optimizer = optimizer_of(settings, _groups(self.stage, self.parameters))
        self.state = load_state(run.folder, self.stage.learns, self.optimizer, averaged=settings.ema > 0)
        self.model = team.wrap(_Loss(self.stage))
        self.autocast = settings.autocast(self.device.type)
        self.log = Log(run.folder, self.state.step, settings.steps) if team.rank == 0 else None
        self.saves = SaveTimes(settings, lambda: state_bytes(self.state, self.stage.learns, self.optimizer))

    def run_until(self, termination: Termination) -> int:
        """Train to the last step, or until it is told to stop. Returns the step."""
        run, settings, state, team = self.run, self.run.settings, self.state, self.team
        started, sums, summed = time.monotonic(), dict[str, float](), 0
        while state.step < settings.steps and not self._enough():
            figures = self._step()
            over = run.minutes is not None and time.monotonic() - started > run.minutes * 60
            late = team.any(over or termination.requested)
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value
            summed += 1
            self._preview()
            # checked after the preview, whose score a stage may use, and before the state, which contains it, is saved
            stop = late or state.step == settings.steps or self._enough()
            if stop or state.step % settings.log_every == 0:
                self._log({name: value / summed for name, value in sums.items()})
            if state.step % settings.log_every == 0:
                sums, summed = {}, 0
            if team.rank == 0 and (stop or self.saves.due(state.step)):
                self._save()
            if late:
                break
        if state.step == 0 and team.rank == 0:  # no steps were requested: the result is what the stage starts from
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
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)  # here, so that a preview need not share the memory with gradients
        self.state.step += 1
        self._average()
        return {"loss": figures.pop("loss"), "grad_norm": float(norm), **figures}

    def _average(self) -> None:
        if not self.state.ema:
            return
        decay = min(self.run.settings.ema, (1 + self.state.step) / (10 + self.state.step))
        torch._foreach_lerp_(list(self.state.ema.values()), [p.detach() for p in self.parameters.values()], 1 - decay)

    def _enough(self) -> bool:
        return self.team.world == 1 and isinstance(self.stage, Ends) and self.stage.enough()

    def _preview(self) -> None:
        """Preview by the averaged weights if it is due."""
        every, step = self.run.settings.preview_every, self.state.step
        if not every or step % every or self.team.rank or not isinstance(self.stage, Previews):
            return
        file = self.run.folder / f"preview-{step:06d}.png"
        with averaged(self.parameters, self.state), torch.no_grad():
            self.stage.preview().save(file)
        self.events.previewed(step, file)

    def _log(self, metrics: dict[str, float]) -> None:
        metrics = self.team.mean(metrics)
        if self.log is None:
            return
        measured = self.stage.measured(self.state.step) if isinstance(self.stage, Measured) else {}
        self.events.logged(self.log.write(self.state.step, {**metrics, **measured}, self.report))

    def _save(self) -> None:
        save_state(self.run.folder, self.state, self.stage.learns, self.optimizer)
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
