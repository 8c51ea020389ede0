"""The one training loop: seeded by step, resumable to the exact step, averaged, on one device or several processes."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from dreamtuner.train.optimizers import optimizer_of
from dreamtuner.train.save_times import SaveTimes
from dreamtuner.train.settings import LoopSettings
from dreamtuner.train.stage import Ends, Events, Previews, Rated, Stage, StageFactory
from dreamtuner.train.state import load_state, save_state, state_bytes, trainable
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

    A stage that `Ends` may stop earlier. With ``processes`` > 1 (CPU) each runs a replica on one thread and gradients
    are averaged, so the batch is ``processes`` times the stage's. ``folder`` receives the state and ``log.jsonl``, one
    line per ``log_every`` steps. ``events`` are called if a single process trains; that one answers SIGTERM after the
    step at work, once the state is saved. Returns the total number of steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if processes > 1 and device != "cpu":
        raise ValueError(f"processes: {processes} replicas train on the CPU only; give processes=1 for {device}")
    if settings.steps == 0:
        processes = 1
    run = _Run(factory, settings, folder, device, minutes, processes)
    if processes == 1:
        with _as_before():
            return _work(run, 0, 0, report, events or Events())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spawn(_replica, (run, port), nprocs=processes)
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
    torch.set_num_threads(1)
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if len(cores) >= run.world:  # replicas wait for each other: two on one core would halve both
        os.sched_setaffinity(0, {cores[rank]})
    _work(run, rank, port, _say, Events())
    sys.stdout.flush()
    os._exit(0)  # all is saved; taking gloo down can abort a replica whose peer was quicker


def _end_with(parent: int) -> None:
    """Exit when the parent process was killed: the folder's lock is free and another training may have started."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _say(line: str) -> None:
    print(line, flush=True)


def _work(run: _Run, rank: int, port: int, report: Report, events: Events) -> int:
    settings, folder, world = run.settings, run.folder, run.world
    torch.set_flush_denormal(True)
    if world > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.manual_seed(settings.seed)
    autocast = settings.autocast(run.device)
    stage = run.factory.build(torch.device(run.device))
    module = stage.learns
    parameters = trainable(module)
    optimizer = optimizer_of(settings, _groups(stage, parameters))
    state = load_state(folder, module, optimizer, averaged=settings.ema > 0)
    if rank == 0:
        _forget(folder, state.step)
    begun, first = time.monotonic() - seconds_spent(folder), state.step
    started = time.monotonic()
    saves = SaveTimes(settings, lambda: state_bytes(state, module, optimizer))
    sums: dict[str, float] = {}
    summed = 0
    with termination_after_step() if world == 1 else nullcontext(Termination()) as termination:
        while state.step < settings.steps and not _enough(stage, world):
            for group in optimizer.param_groups:
                group["lr"] = settings.lr_at(state.step) * group["rate"]
            generator = torch.Generator().manual_seed((settings.seed * 1_000_003 + state.step) * 64 + rank)
            figures: dict[str, float] = {}
            for _ in range(settings.accumulate):
                with torch.autocast(run.device, torch.bfloat16, enabled=autocast):
                    loss, found = stage.loss(state.step, generator)
                (loss / settings.accumulate).backward()
                for name, value in {"loss": float(loss.detach()), **found}.items():
                    figures[name] = figures.get(name, 0.0) + value / settings.accumulate
                del loss  # its graph would be held while the next one is built
            late = run.minutes is not None and time.monotonic() - started > run.minutes * 60
            if world > 1:
                late = _average(parameters, late)
            norm = nn.utils.clip_grad_norm_(parameters.values(), settings.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)  # here, so that a preview need not share the memory with gradients
            state.step += 1
            if settings.ema:
                decay = min(settings.ema, (1 + state.step) / (10 + state.step))
                torch._foreach_lerp_(list(state.ema.values()), [p.detach() for p in parameters.values()], 1 - decay)
            for name, value in {**figures, "grad_norm": float(norm)}.items():
                sums[name] = sums.get(name, 0.0) + value
            summed += 1
            if rank == 0 and settings.preview_every and state.step % settings.preview_every == 0:
                picture = folder / f"preview-{state.step:06d}.png"
                if _preview(stage, state.ema, picture):
                    events.previewed(state.step, picture)
            # checked after the preview, whose score a stage may use, and before the state, which contains it, is saved
            stop = late or termination.requested or state.step == settings.steps or _enough(stage, world)
            if rank == 0 and (stop or state.step % settings.log_every == 0):
                clock = (first, started, begun)
                means = {k: v / summed for k, v in sums.items()}
                events.logged(_log(folder, state.step, clock, settings, means, report))
            if state.step % settings.log_every == 0:
                sums, summed = {}, 0
            if rank == 0 and (stop or saves.due(state.step)):
                save_state(folder, state, module, optimizer)
                events.saved(state.step)
                saves.saved()
            if late or termination.requested:
                break
    if state.step == 0:  # no steps were requested: the result is what the stage starts from
        save_state(folder, state, module, optimizer)
    if world > 1:
        dist.barrier()
    return state.step


def _groups(stage: Stage, parameters: dict[str, nn.Parameter]) -> list[dict[str, object]]:
    """Group the parameters by the factor of their learning rate."""
    rates: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        rates.setdefault(stage.rate(name) if isinstance(stage, Rated) else 1.0, []).append(parameter)
    return [{"params": ours, "rate": rate} for rate, ours in rates.items()]


def _enough(stage: Stage, world: int) -> bool:
    return world == 1 and isinstance(stage, Ends) and stage.enough()


def _forget(folder: Path, step: int) -> None:
    """Drop log lines of steps after the last save of a killed run: those steps are repeated."""
    log = folder / "log.jsonl"
    if log.exists():
        whole = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        log.write_text("".join(line for line in whole if json.loads(line)["step"] <= step))


def seconds_spent(folder: Path) -> float:
    """Return the seconds that earlier runs of this training took, up to the saved step."""
    log = folder / "log.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return float(json.loads(lines[-1]).get("seconds", 0.0)) if lines else 0.0


def _preview(stage: Stage, ema: dict[str, Tensor], path: Path) -> bool:
    """Save a preview by the stage's averaged weights to `path`, or by the current ones if `ema` is empty.

    Returns False if the stage has no previews.
    """
    if not isinstance(stage, Previews):
        return False
    parameters = {name: p for name, p in trainable(stage.learns).items() if name in ema}
    current = {name: p.detach().clone() for name, p in parameters.items()}
    with torch.no_grad():
        for name, p in parameters.items():
            p.copy_(ema[name])
        try:
            picture = stage.preview()
        finally:
            for name, p in parameters.items():
                p.copy_(current[name])
    picture.save(path)
    return True


def trained_parts(root: Path) -> dict[str, tuple[int, float]]:
    """Return the trainings in the folders of ``root``, by name: steps done and seconds spent."""
    logs = {log.parent.name: json.loads(log.read_text().splitlines()[-1]) for log in sorted(root.glob("*/log.jsonl"))}
    return {name: (line["step"], line.get("seconds", 0.0)) for name, line in logs.items()}


def last_step(folder: Path) -> int:
    """Return the last step that the training in ``folder`` logged."""
    return int(json.loads((folder / "log.jsonl").read_text().splitlines()[-1])["step"])


def _average(parameters: dict[str, nn.Parameter], late: bool) -> bool:
    """Average the gradients over the processes in one transfer; all stop when one is late."""
    gradients = [p.grad for p in parameters.values() if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients] + [torch.tensor([float(late)])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    offset = 0
    for gradient in gradients:
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
        offset += gradient.numel()
    return bool(flat[-1] > 0)


def _log(
    folder: Path,
    step: int,
    clock: tuple[int, float, float],
    settings: LoopSettings,
    figures: dict[str, float],
    report: Report,
) -> dict[str, float]:
    first, started, begun = clock  # the step and time of this start, and the time of a start without interruption
    now = time.monotonic()
    rate = (step - first) / max(now - started, 1e-9)
    left = (settings.steps - step) / rate
    line = {
        **{k: round(v, 5) for k, v in figures.items()},
        "step": step,
        "steps_per_second": round(rate, 3),
        "seconds": round(now - begun, 1),
    }
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    shown = "  ".join(f"{k} {v:.4g}" for k, v in figures.items())
    report(f"{folder.name} {step}/{settings.steps}  {shown}  {rate:.2f} steps/s  ETA {left / 60:.0f} min")
    return line | {"steps": settings.steps, "seconds_left": left}
