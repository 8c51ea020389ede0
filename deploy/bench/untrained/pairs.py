"""`dreamtuner bench pairs`: measure images of two subjects, each read alone in its box."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url


def pairs(
    count: Annotated[int, typer.Option("--pairs", min=2, help="Pairs of held-out subjects, one image each.")] = 200,
    rows: Annotated[
        str, typer.Option(help="Which rows, separated by commas: together, boxes, posed, wide.")
    ] = "together,boxes,posed,wide",
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    inversion: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the references' inversion; the profile's.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of pocket weights; default: the weights that `run` uses.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write references and images side by side to this PNG or JPEG.", callback=no_url),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure whether each box of an image of two subjects shows its own, without fine-tuning.

    The oracle reads every box alone: the share of its attributes that the weaker and the stronger subject of a pair
    have, and in which share of those that differ a box reads as the other subject (leakage). Each image is stored in
    the catalog with its measures: an interrupted or enlarged table continues from there.
    """
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from deploy.bench.measured.cells import bench_and_cache
    from deploy.bench.refusal import refuse, refuse_unless_image
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.pairs.measure import BOXES, POSED, TOGETHER, WANTED, WIDE, measure_pairs, pictures_of
    from dreamtuner.evaluation.pairs.request import pair_requests
    from dreamtuner.evaluation.pairs.sheet import pair_sheet
    from dreamtuner.pocket.world import TEST, VALIDATION

    names = {"together": TOGETHER, "boxes": BOXES, "posed": POSED, "wide": WIDE}
    asked = [one.strip() for one in rows.split(",")]
    if unknown := [one for one in asked if one not in names]:
        refuse(f"--rows: {unknown[0]!r} is none; give some of {', '.join(names)}, separated by commas")
    refuse_unless_image("--sheet", sheet)
    bench, cache = bench_and_cache(weights, "--weights")
    requests = pair_requests(count, VALIDATION if validation else TEST)
    chosen = [names[one] for one in dict.fromkeys(asked)]
    shown = [] if sheet is None else requests[:10]
    say = partial(typer.echo, err=True)
    found = measure_pairs(bench, cache, requests, chosen, say, pictured=len(shown), inversion=inversion)
    if sheet is not None:
        pair_sheet(shown, {row: pictures_of(cache, shown, row, inversion) for row in chosen}).save(sheet)
        typer.echo(f"sheet: {sheet}", err=True)
    if as_json:
        head = {"pairs": len(requests), "validation": validation, "inversion": inversion, "wanted": WANTED}
        typer.echo(json.dumps({**head, "figures": [asdict(one) for one in found]}))
        return
    which = "validation" if validation else "test"
    table = Table(
        title=f"{len(requests)} pairs of {which} subjects; 95 % over pairs; weaker >= {100 * WANTED:.0f} % wanted",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    columns = ("%", "weaker", "95 %", "stronger", "leaked", "chance", "classes", "pose", "scene")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for one in found:
        of = one.measures
        spread = f"{100 * of['weaker'].low:.0f} to {100 * of['weaker'].high:.0f}"
        others = (of[name].value for name in ("stronger", "leakage", "chance", "both", "poses", "scene"))
        short = next(name for name, row in names.items() if row == one.row)
        table.add_row(short, f"{100 * of['weaker'].value:.1f}", spread, *(f"{100 * value:.1f}" for value in others))
    plain_terminal().out.print(table)
