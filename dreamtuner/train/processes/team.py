"""The processes that train together, by accelerate: gradients are averaged by DDP, or weights are divided by FSDP."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Thread
from typing import Any, Protocol

import torch
from torch import nn

from dreamtuner.train.processes.shards import divide


class LauncherError(ValueError):
    """A launcher started the processes in a way that a training cannot use; the message says which it can."""


class Team(Protocol):
    """The processes of a training, as one of them sees it. `rank` 0 writes all files."""

    rank: int
    world: int

    def wrap(self, module: nn.Module, blocks: Sequence[nn.Module] = ()) -> nn.Module:
        """Return the module whose backward pass averages the gradients over the processes.

        With `blocks`, its trained weights are divided among them, and those of a block are gathered together.
        """
        ...

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        """Return a context in which backward passes only add up gradients of this process."""
        ...

    def any(self, flag: bool) -> bool:
        """Return whether any process says so."""
        ...

    def mean(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Average each metric over the processes that have it: one may have seen what the others did not."""
        ...

    def end(self) -> None:
        """Wait for all processes."""
        ...


class Alone:
    """A training in one process."""

    rank, world = 0, 1

    def wrap(self, module: nn.Module, blocks: Sequence[nn.Module] = ()) -> nn.Module:
        return module

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        return nullcontext()

    def any(self, flag: bool) -> bool:
        return flag

    def mean(self, metrics: Mapping[str, float]) -> dict[str, float]:
        return dict(metrics)

    def end(self) -> None:
        pass


class Replicas:
    """Several processes: over gloo on CPUs, over NCCL on GPUs, one process for each.

    The place in the team is that of the environment: RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.
    """

    def __init__(self, device: str) -> None:
        from accelerate import Accelerator  # loads slowly; a single process does without

        # what is computed in bfloat16 is said by the training's own settings, not by the launcher's
        self._accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")
        kind = self._accelerator.distributed_type.value
        if not kind.startswith("MULTI_"):
            raise LauncherError(f"it started a training of the type {kind}; give distributed_type: MULTI_GPU")
        self.rank, self.world = self._accelerator.process_index, self._accelerator.num_processes

    def wrap(self, module: nn.Module, blocks: Sequence[nn.Module] = ()) -> nn.Module:
        if blocks:  # by PyTorch itself: accelerate's FSDP is for GPUs alone
            divide(module, blocks, self.world, self._accelerator.device)
            return module
        ready: nn.Module = self._accelerator.prepare_model(module, device_placement=False)
        return ready

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        context: AbstractContextManager[object] = self._accelerator.no_sync(module)
        return context

    def any(self, flag: bool) -> bool:
        said = torch.tensor(float(flag), device=self._accelerator.device)
        return bool(self._accelerator.reduce(said, reduction="sum") > 0)

    def mean(self, metrics: Mapping[str, float]) -> dict[str, float]:
        from accelerate.utils import gather_object

        found: list[dict[str, float]] = gather_object([dict(metrics)])
        names = dict.fromkeys(name for one in found for name in one)
        values = {name: [one[name] for one in found if name in one] for name in names}
        return {name: sum(ours) / len(ours) for name, ours in values.items()}

    def end(self) -> None:
        self._accelerator.wait_for_everyone()


def launched() -> tuple[int, int] | None:
    """Return rank and number of processes if a launcher such as `accelerate launch` started this one; else None."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    return (int(os.environ.get("RANK", "0")), world) if world > 1 else None


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def in_replica(rank: int, world: int, port: int, device: str, work: Callable[[], Any]) -> None:
    """Do the work of one process that `train` started, then end the process without libraries' clean-up."""
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    os.environ.update({name: str(value) for name, value in ranks.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), OMP_NUM_THREADS="1")
    if device == "cpu":
        torch.set_num_threads(1)
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        if len(cores) >= world:  # replicas wait for each other: two on one core would halve both
            os.sched_setaffinity(0, {cores[rank]})
    work()


def _end_with(parent: int) -> None:
    """Exit when the parent process was killed: the folder's lock is free and another training may have started."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
