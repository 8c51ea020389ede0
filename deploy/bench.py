"""`dreamtuner bench ...`: figures measured here, now, side by side."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(help="Measure, and print the figures.", no_args_is_help=True)


@bench.command()
def fidelity(
    subjects: Annotated[int, typer.Option(min=2, help="Held-out subjects of the pocket world.")] = 30,
    prompts: Annotated[int, typer.Option(min=1, help="Prompts of each.")] = 8,
    seeds: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 1,
    ablations: Annotated[bool, typer.Option(help="Also the ablations of Fig. 8.")] = False,
    validation: Annotated[
        bool, typer.Option(help="The identities that settings are tuned on, not the test's.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page with its pictures into this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """The fidelity ladder: plain, + SE, + S-S-A, and both, on subjects that training never saw.

    Identity is the share of the reference's attributes that the oracle reads from the picture; 95 % over subjects.
    """
    from dataclasses import asdict, replace

    from rich.table import Table

    from deploy.terminal import plain_terminal
    from dreamtuner.backbone import load_backbone, load_encoder
    from dreamtuner.pocket.fidelity import draw_variant, held_out_subjects
    from dreamtuner.pocket.ladder import ABLATIONS, LADDER, SHOWN, ladder_steps, means
    from dreamtuner.pocket.ladder_page import HEADS, figure_words, write_page
    from dreamtuner.pocket.world import TEST, VALIDATION
    from dreamtuner.score.oracle import Oracle
    from dreamtuner.score.tower import load_tower
    from flows.resources import device_of, profile_of
    from flows.settings import Settings

    settings = Settings.load()
    profile, device = profile_of(settings, "pocket"), device_of(settings)
    backbone, oracle = load_backbone(profile, device=device), Oracle.load(profile.weights / "oracle")
    tower = load_tower(profile, device=device)
    chosen = held_out_subjects(subjects, seeds=VALIDATION if validation else TEST)
    found = {}
    for variant in (*LADDER, *(ABLATIONS if ablations else ())):
        model = backbone
        if variant.encoder is not None:
            folder = profile.weights.parent / variant.encoder
            if not folder.is_dir():
                typer.echo(f"{variant.name}: left out, {folder} is not there", err=True)
                continue
            model = replace(backbone, encoder=load_encoder(folder, device=device))
        say = partial(_say, variant.name, subjects)
        found[variant.name] = draw_variant(model, profile, oracle, tower, chosen, variant, prompts, seeds, say)
    title = "Fidelity ladder"
    detail = f"{subjects} {'validation' if validation else 'test'} subjects x {prompts} prompts x {seeds} seeds; 95 %."
    if out is not None:
        typer.echo(f"page: {write_page(out, title, detail, found, seeds)}", err=True)
    if as_json:
        plain = {v: {row: asdict(mean) for row, mean in means(drawn).items()} for v, drawn in found.items()}
        steps = [{"from": low, "to": high, **asdict(mean)} for low, high, mean in ladder_steps(found)]
        counts = {"subjects": subjects, "prompts": prompts, "seeds": seeds, "validation": validation}
        typer.echo(json.dumps({**counts, "variants": plain, "identity_steps": steps}))
        return
    table = Table(title=f"{title}: {detail}")
    table.add_column("variant")
    for name in SHOWN:
        table.add_column(HEADS[name], justify="right")
    for variant_name, drawn in found.items():
        by_measure = means(drawn)
        table.add_row(variant_name, *(figure_words(name, by_measure[name]) for name in SHOWN))
    plain_terminal().out.print(table)


@bench.command()
def pocket(
    prompts: Annotated[int, typer.Option(min=10, help="Held-out prompts, each drawn three times.")] = 500,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of pocket weights; default: those that `run` uses.")
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help="Write contact sheets of the drawn pictures here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """How good the pocket model is: autoencoder, oracle, prompts followed, layouts kept, and seconds for 64 cells.

    Everything is measured on identities that training never saw, pictures are drawn by stock diffusers pipelines.
    """
    import os
    from dataclasses import asdict

    import torch
    from rich.table import Table

    from deploy.terminal import plain_terminal
    from dreamtuner.pocket.quality import measure_weights, seconds_for_cells
    from dreamtuner.pocket.sheets import write_sheets
    from flows.resources import profile_of
    from flows.settings import Settings

    folder = weights or profile_of(Settings.load(), "pocket").weights
    if not (folder / "oracle").is_dir():
        typer.echo(
            f"dreamtuner: --weights: {folder} holds no pocket weights; `dreamtuner train pocket` makes them", err=True
        )
        raise typer.Exit(2)
    speed = seconds_for_cells(folder, 64)
    measured = measure_weights(folder, prompts, partial(typer.echo, err=True))
    figures = [*measured.figures, speed]
    if pictures is not None:
        write_sheets(measured, pictures)
        typer.echo(f"pictures: {pictures}", err=True)
    machine = {"cpus": os.cpu_count(), "threads": torch.get_num_threads()}
    if as_json:
        rows = [{**asdict(figure), "met": figure.met} for figure in figures]
        typer.echo(json.dumps({"prompts": prompts, "machine": machine, "figures": rows}))
        return
    table = Table(title=f"pocket weights on {prompts} held-out identities; 95 % intervals")
    for column in ("", "", "measured", "wanted", ""):
        table.add_column(column)
    group = None
    for figure in figures:
        mark = {None: "", True: "reached", False: "missed"}[figure.met]
        table.add_row(
            figure.group if figure.group != group else "", figure.name, figure.words(), figure.wanted_words(), mark
        )
        group = figure.group
    plain_terminal().out.print(table)


@bench.command()
def speed(
    cells: Annotated[int, typer.Option(min=2, help="Cells of the timed grid.")] = 64,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the timed cells; both grow with them alike.")] = 20,
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions; every way is timed in each.")] = 5,
    timed: Annotated[bool, typer.Option(help="Time pictures as well, or count FLOPs only.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """What a reference costs: FLOPs at SD 1.5's shapes, time on the pocket model, throughput where there is a GPU.

    Beside stock diffusers and beside a naive form that recomputes the reference for every picture. Ratios are medians
    over repetitions, with the least and the largest; wall times want a machine that does nothing else.
    """
    import os
    from dataclasses import asdict

    import torch
    from rich.table import Table

    from deploy.terminal import plain_terminal
    from dreamtuner.bench.flops import count_flops
    from dreamtuner.bench.gpu import time_gpu
    from dreamtuner.bench.pocket import time_grid
    from dreamtuner.bench.speed import flop_figures, gpu_figures, grid_figures
    from flows.resources import backbone_of
    from flows.settings import Settings

    flops = count_flops()
    figures, raw = flop_figures(flops), {"flops": asdict(flops)}
    if timed:
        backbone = backbone_of(Settings.load(), "pocket")
        for count in (cells, 1):
            grid = time_grid(backbone, count, steps, repeats, _say_run)
            figures += grid_figures(grid)
            raw[f"cells_{count}"] = asdict(grid)
    if timed and torch.cuda.is_available():
        on_gpu = time_gpu(cells, 30, repeats, _say_run)
        figures += gpu_figures(on_gpu)
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
            table.add_row(f"[bold]{group}[/bold]")
        r, mark = figure.ratio, {None: "", True: "reached", False: "missed"}[figure.met]
        wanted = "" if figure.wanted is None else f"{'>=' if figure.throughput else '<='} {figure.wanted:.2f}"
        spread = "" if r.low == r.high else f"{r.low:.3f} to {r.high:.3f}"
        table.add_row(f"  {figure.name}", f"{r.median:.3f}", spread, wanted, mark)
    plain_terminal().out.print(table)


def _say_run(name: str, repeat: int, seconds: float) -> None:
    typer.echo(f"{name}, repetition {repeat + 1}: {seconds:.2f} s", err=True)


@bench.command("catalog")
def catalog_(
    catalog: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An empty catalog to fill and measure; default a SQLite file, removed after."),
    ] = None,
    outputs: Annotated[int, typer.Option(min=1, help="Made-up outputs to fill it with.")] = 1_000_000,
    pages: Annotated[int, typer.Option(min=1, help="Pages of each kind.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """How quickly a large catalog answers, and how many cells a second it plans, claims and finishes."""
    import tempfile
    from dataclasses import asdict
    from time import perf_counter

    from rich.table import Table

    from deploy.terminal import plain_terminal
    from storage.catalog import Catalog
    from storage.catalog.bench import fill, measure

    with (
        tempfile.TemporaryDirectory(prefix="dreamtuner-bench-") as folder,
        Catalog.open(catalog or f"sqlite:///{folder}/catalog.db") as opened,
    ):
        began = perf_counter()
        fill(opened, outputs, on_progress=lambda done: typer.echo(f"{done}/{outputs} outputs", err=True))
        seconds = perf_counter() - began
        figures = measure(opened, outputs, pages=pages)
        kind = opened.url.get_backend_name()
    if as_json:
        rows = [{name: value for name, value in asdict(one).items() if value is not None} for one in figures]
        typer.echo(json.dumps({"database": kind, "outputs": outputs, "fill_seconds": seconds, "figures": rows}))
        return
    table = Table(title=f"{outputs:,} outputs in {kind}, filled in {seconds:.0f} s")
    for column in ("", "p50 ms", "p95 ms", "per second"):
        table.add_column(column, justify="right" if column else "left")
    for one in figures:
        numbers = (one.p50_ms, one.p95_ms, one.per_second)
        table.add_row(one.name, *("" if number is None else f"{number:,.1f}" for number in numbers))
    plain_terminal().out.print(table)


def _say(name: str, subjects: int, done: int) -> None:
    typer.echo(f"{name}: {done}/{subjects} subjects", err=True)
