"""Times several ways of doing the same thing, interleaved, so that a changing load affects all of them alike."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Timing:
    """One way's seconds, repetition by repetition: on the clock, and of processor time (all threads of the process)."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]


@dataclass(frozen=True)
class Ratio:
    """Median, least and largest of the repetitions' ratios. Each compares runs that stood side by side."""

    median: float
    low: float
    high: float


def interleaved_timings(
    ways: Mapping[str, Callable[[], object]], repeats: int, on_run: Callable[[str, int, float], None] | None = None
) -> dict[str, Timing]:
    """Time every way `repeats` times, one after the other in each repetition, each time beginning with another.

    Warm them up before. `on_run(name, repetition, seconds)` is called after each run.
    """
    names = list(ways)
    wall: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()  # so that none pays for another's garbage
            begun, begun_cpu = time.perf_counter(), time.process_time()
            ways[name]()
            cpu[name].append(time.process_time() - begun_cpu)
            wall[name].append(time.perf_counter() - begun)
            if on_run is not None:
                on_run(name, repeat, wall[name][-1])
    return {name: Timing(tuple(wall[name]), tuple(cpu[name])) for name in names}


def ratio(these: tuple[float, ...], those: tuple[float, ...]) -> Ratio:
    """these / those, pair by pair; both of one length, not empty."""
    pairs = [a / b for a, b in zip(these, those, strict=True)]
    return Ratio(median(pairs), min(pairs), max(pairs))
