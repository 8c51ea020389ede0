"""What is simulated: the numbers of one measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """`workers` that together generate `rate` cells per second, for `seconds` after a start-up of `ramp` seconds.

    A chunk is up to `chunk` cells. `lease`: seconds; `evictions`: the part of the workers that dies each minute without
    a word, each replaced by a new one at once; `failures`: the part of the cells that fails.
    """

    url: str
    run_id: str
    workers: int
    rate: float
    seconds: float
    ramp: float
    chunk: int
    lease: float
    evictions: float
    failures: float

    @property
    def cell_seconds(self) -> float:
        """Return how long a worker takes for a cell."""
        return self.workers / self.rate
