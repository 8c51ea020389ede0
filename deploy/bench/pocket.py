"""`dreamtuner bench pocket`: evaluate the pocket model."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url


def pocket(
    prompts: Annotated[int, typer.Option(min=10, help="Held-out prompts, three images each.")] = 500,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of pocket weights; default: those that `run` uses.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Write contact sheets of the images to this folder.", callback=no_url)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """How good the pocket model is: autoencoder, oracle, prompts followed, layouts kept, and seconds for 64 cells.

    Everything is measured on identities that training never saw, pictures are drawn by stock diffusers pipelines.
    """
    import os
    from dataclasses import asdict

    import torch
    from rich.table import Table

    from deploy.bench.refusal import refuse
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.base_model import measure_weights, seconds_for_cells
    from dreamtuner.evaluation.pocket_sheets import write_sheets
    from flows.resources import Resources

    folder = weights or Resources.open().profile("pocket").weights
    if not (folder / "oracle").is_dir():
        refuse(f"--weights: {folder} holds no pocket weights; create them with `dreamtuner train pocket`")
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
