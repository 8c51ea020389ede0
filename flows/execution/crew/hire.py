"""Decides who generates a run: this process, further processes of this machine, or flow runs of a work pool."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from flows.execution.crew.crew import Crew, helped
from flows.execution.crew.local_worker import LocalHelper
from flows.execution.crew.pool_worker import GeneratePool, Pool, generate_pool
from flows.resources import Resources


@dataclass(frozen=True)
class Hiring:
    """Who generates. `here`: this process does; `count`: how many workers in all, itself among them; 0: as many as are
    online in the `pool`, None for processes of this machine.
    """

    here: bool
    count: int
    pool: GeneratePool | None = None

    @property
    def on_this_machine(self) -> bool:
        """Return whether this machine generates, by this process or further ones."""
        return self.here or self.pool is None

    @classmethod
    def decide(cls, asked: int | None, stated: int | None, resources: Resources) -> "Hiring":
        """Decide by what the run was started with, else by what its spec says.

        In a deployment whose pool is another than that which generates, flow runs of that pool do. One of the same pool
        has a worker of it for itself, so its own process generates, and others only if they are asked for.
        """
        count = stated if asked is None else asked
        pool = generate_pool()
        if pool is None:
            count = 1 if count is None else count or _gpus(resources)
            return cls(here=count == 1, count=count)
        if pool.ours:
            return cls(here=True, count=count or 1, pool=pool)
        return cls(here=False, count=count or 0, pool=pool)

    def crew(self, run_id: str, resources: Resources) -> AbstractContextManager[Crew]:
        """Start the workers beside this process, and end them with the block; those at work already are counted."""
        if self.pool is None:
            return helped(lambda number: LocalHelper(run_id, number, self.count, resources.device), lambda: self.count)
        pool = Pool(self.pool, run_id)
        others = self.count - self.here
        return helped(pool.start, (lambda: others) if self.count else pool.size, pool.at_work())


def _gpus(resources: Resources) -> int:
    if resources.device != "cuda":
        return 1
    import torch

    return torch.cuda.device_count()
