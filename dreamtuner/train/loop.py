"""The one training loop: seeded by step, resumable to the exact step, averaged, on one device or several processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.multiprocessing.spawn import ProcessContext, spawn

from dreamtuner.train.log import last_step
from dreamtuner.train.processes.team import Alone, Replicas, Team, free_port, in_replica, launched
from dreamtuner.train.processes.watch import Watch
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Events, StageFactory
from dreamtuner.train.termination import termination_after_step
from dreamtuner.train.training import Report, Run, Training


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
    the batch is ``processes`` times the stage's, or that of a stage `ByRow`, which the processes share; the weights of
    a stage that is `Divisible` are divided among them. A process of `accelerate launch` or torchrun is one replica.
    ``folder`` receives the state and ``log.jsonl``, one line per ``log_every`` steps. ``events`` are called in this
    process, but not under a launcher. Returns the total number of steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if processes > 1 and device.startswith("cuda:"):
        raise ValueError(f"processes: {processes} replicas take a GPU each; give the device cuda, not {device}")
    if device == "cuda" and processes > torch.cuda.device_count():
        raise ValueError(f"processes: {processes} replicas take a GPU each; there are {torch.cuda.device_count()}")
    if settings.steps == 0:
        processes = 1
    run = Run(factory, settings, folder, device, minutes, processes)
    if launched() is not None:
        return _work(run, Replicas(device), report, Events())
    if processes == 1:
        with _as_before():
            return _work(run, Alone(), report, events or Events())
    watch = Watch(folder, settings.steps, events or Events())
    context = spawn(_replica, (run, free_port()), nprocs=processes, join=False)
    try:
        _wait(context, watch)
    except BaseException:
        for process in context.processes:  # else they would go on beside the next start
            process.kill()
            process.join()
        raise
    return last_step(folder)


def _wait(context: ProcessContext, watch: Watch) -> None:
    """Report what the processes do until all have ended; pass the first SIGTERM on to them."""
    with termination_after_step() as termination:
        told = False
        while not context.join(timeout=0.2):
            watch.look()
            if termination.requested and not told:
                told = True
                for pid in context.pids():
                    os.kill(pid, signal.SIGTERM)
        watch.look()


@contextmanager
def _as_before() -> Iterator[None]:
    """Restore process-wide settings after training, since the process may generate images afterwards."""
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            torch.set_flush_denormal(False)


def _replica(rank: int, run: Run, port: int) -> None:
    in_replica(rank, run.world, port, run.device, lambda: _work(run, Replicas(run.device), _say, Events()))
    sys.stdout.flush()
    os._exit(0)  # all is saved; taking gloo down can abort a replica whose peer was quicker


def _say(line: str) -> None:
    print(line, flush=True)


def _work(run: Run, team: Team, report: Report, events: Events) -> int:
    training = Training(run, team, report, events)
    with termination_after_step() as termination:
        return training.run_until(termination)
