"""All speed ratios with their targets."""

from collections.abc import Mapping
from dataclasses import dataclass

from dreamtuner.bench import gpu, pocket, sd15
from dreamtuner.bench.flops import Flops
from dreamtuner.bench.gpu import GpuTiming
from dreamtuner.bench.pocket import GridTiming
from dreamtuner.bench.sd15 import StepTiming
from dreamtuner.bench.timing import Ratio, ratio

FLOPS_WANTED = {"ours, S-S-A": 1.05, "ours, S-S-A + S-E-A": 1.09}
GRID_WANTED = {pocket.SSA: 1.20, pocket.SSA_SEA: 1.30, pocket.INVERTED: 1.15}
ALONE_WANTED = {pocket.SSA: 1.75}
"""Targets for a single cell; there is none with S-E-A."""
STEP_WANTED = {sd15.EQ_4: 1.11, sd15.EQ_5: 1.18}
COMPOSED_WANTED = {sd15.GRID: 1.13, sd15.ALONE: 1.60}
"""Targets by cells at SD 1.5's shapes."""
GPU_WANTED = {gpu.SSA: 0.90, gpu.SSA_SEA: 0.85}


@dataclass(frozen=True)
class Speed:
    """One ratio to the plain model: of work or of time, where less is better, or of throughput, where more is."""

    group: str
    name: str
    ratio: Ratio
    wanted: float | None = None
    throughput: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the median reaches its target; None if there is none."""
        if self.wanted is None:
            return None
        return self.ratio.median >= self.wanted if self.throughput else self.ratio.median <= self.wanted


def flop_ratios(found: Flops) -> list[Speed]:
    """Return counted FLOPs relative to plain classifier-free guidance. They are exact and have no spread."""
    group = f"FLOPs at SD 1.5's shapes, {found.cells} cells x {found.steps} steps, {100 * found.share:.0f} % subject"
    ways = {"ours, S-S-A": found.ours, "ours, S-S-A + S-E-A": found.ours_sea, pocket.NAIVE: found.naive}
    ratios = {name: found.over_plain(flops) for name, flops in ways.items()}
    return [Speed(group, name, Ratio(r, r, r), FLOPS_WANTED.get(name)) for name, r in ratios.items()]


def grid_ratios(found: GridTiming) -> list[Speed]:
    """Return times relative to stock diffusers, by wall time and by CPU time, which a busy machine affects less."""
    wanted: Mapping[str, float] = ALONE_WANTED if found.cells == 1 else GRID_WANTED
    figures = []
    for kind in ("wall", "cpu"):
        times = {name: getattr(timing, kind) for name, timing in found.ways.items()}
        group = f"{kind} time on pocket, {found.cells} cells x {found.steps} steps, {100 * found.share:.0f} % subject"
        figures += [
            Speed(group, name, ratio(seconds, times[pocket.STOCK]), wanted.get(name))
            for name, seconds in times.items()
            if name != pocket.STOCK
        ]
    return figures


def step_ratios(found: StepTiming) -> list[Speed]:
    """Return processor times at SD 1.5's shapes relative to stock guidance: of one step, and composed of steps."""
    figures = []
    for cells, ways in found.batches.items():
        group = f"CPU time of a step at SD 1.5's shapes, bf16, {cells} cells, {100 * found.share:.0f} % subject"
        wanted: Mapping[str, float] = STEP_WANTED if cells == sd15.BATCH else {}
        stock = ways[sd15.STOCK].cpu
        figures += [
            Speed(group, name, ratio(timing.cpu, stock), wanted.get(name))
            for name, timing in ways.items()
            if name != sd15.STOCK
        ]
    group = f"the same of {found.steps} steps and one reference pass, composed"
    for cells, limit in COMPOSED_WANTED.items():
        name = f"{cells} cell{'s' if cells > 1 else ''}, S-S-A"
        figures.append(Speed(group, name, ratio(found.our_seconds(cells), found.stock_seconds(cells)), limit))
    return figures


def gpu_ratios(found: GpuTiming) -> list[Speed]:
    """Return images per second relative to the compiled stock pipeline."""
    stock = found.ways[gpu.STOCK].wall
    group = f"throughput on {found.device}, {found.cells} cells x {found.steps} steps, bf16, compiled"
    return [
        Speed(group, name, ratio(stock, found.ways[name].wall), GPU_WANTED[name], throughput=True)
        for name in found.ways
        if name != gpu.STOCK
    ]
