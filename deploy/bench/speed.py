"""`dreamtuner bench speed`: measure the cost of a reference."""

import json
from enum import StrEnum
from typing import Annotated

import typer


class Shapes(StrEnum):
    """Whose shapes are timed."""

    pocket = "pocket"
    sd15 = "sd15"


def speed(
    cells: Annotated[int, typer.Option(min=2, help="Cells of the timed grid.")] = 64,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the timed cells; all times grow with it.")] = 20,
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions; every variant is timed in each.")] = 5,
    timed: Annotated[bool, typer.Option(help="Also time generation, or only count FLOPs.")] = True,
    shapes: Annotated[
        Shapes,
        typer.Option(
            help="pocket: time the pocket model. sd15: time steps at Stable Diffusion 1.5's shapes in bfloat16 on the "
            "CPU, and compose the time of grids; takes minutes and 3 GB."
        ),
    ] = Shapes.pocket,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure what a reference costs: FLOPs at SD 1.5, time on the pocket model, throughput on a GPU if available.

    Compares with stock diffusers and with a naive variant that recomputes the reference for every image. Ratios are
    medians over repetitions, with minimum and maximum; run wall times on an idle machine.
    """
    import os
    from dataclasses import asdict

    import torch
    from rich.table import Table

    from deploy.cli.terminal import plain_terminal
    from dreamtuner.bench.flops import count_flops
    from dreamtuner.bench.gpu import time_gpu
    from dreamtuner.bench.pocket import time_grid
    from dreamtuner.bench.sd15 import time_steps
    from dreamtuner.bench.speed import flop_ratios, gpu_ratios, grid_ratios, step_ratios
    from flows.resources import Resources

    flops = count_flops()
    figures, raw = flop_ratios(flops), {"flops": asdict(flops)}
    if timed and shapes is Shapes.sd15:
        at_sd15 = time_steps(repeats, _say_run)
        figures += step_ratios(at_sd15)
        raw["sd15"] = asdict(at_sd15)
    elif timed:
        backbone = Resources.open().backbone("pocket")
        for count in (cells, 1):
            grid = time_grid(backbone, count, steps, repeats, _say_run)
            figures += grid_ratios(grid)
            raw[f"cells_{count}"] = asdict(grid)
    if timed and torch.cuda.is_available():
        on_gpu = time_gpu(cells, 30, repeats, _say_run)
        figures += gpu_ratios(on_gpu)
        raw["gpu"] = asdict(on_gpu)
    machine = {"cpus": os.cpu_count(), "threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
    if as_json:
        rows = [{**asdict(figure), "met": figure.met} for figure in figures]
        typer.echo(json.dumps({"machine": machine, "figures": rows, "measured": raw}))
        return
    load = f"load {machine['load']:.1f} on {machine['cpus']} processors"
    table = Table(title=f"ratios to the plain model; {load}; without a GPU the figures for one are left out")
    for column in ("", "median", "least to largest", "wanted", ""):
        table.add_column(column)
    group = None
    for figure in figures:
        if figure.group != group:
            group = figure.group
            table.add_section()
            table.add_row(group, style="bold")
        r, mark = figure.ratio, {None: "", True: "reached", False: "missed"}[figure.met]
        wanted = "" if figure.wanted is None else f"{'>=' if figure.throughput else '<='} {figure.wanted:.2f}"
        spread = "" if r.low == r.high else f"{r.low:.3f} to {r.high:.3f}"
        table.add_row(f"  {figure.name}", f"{r.median:.3f}", spread, wanted, mark)
    plain_terminal().out.print(table)


def _say_run(name: str, repeat: int, seconds: float) -> None:
    typer.echo(f"{name}, repetition {repeat + 1}: {seconds:.2f} s", err=True)
