"""`dreamtuner bench consistency`: measure whether what nobody says is alike in all images of a set."""

import json
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url


def consistency(
    subjects: Annotated[
        int, typer.Option(min=2, help="Held-out subjects: a back, a side, a bust and a close-up come first in turn.")
    ] = 8,
    prompts: Annotated[int, typer.Option(min=2, max=30, help="Images of a set, one of each prompt.")] = 6,
    weights: Annotated[
        str, typer.Option(help="Weights of the first image beside the reference, separated by commas.")
    ] = "1",
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Write the sets side by side to this PNG or JPEG.", callback=no_url)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure how alike the images of a set are in what neither the reference shows nor a prompt says.

    The reference hides attributes of the subject (a back, a side, a crop); the figure is in how many pairs of images
    the oracle reads these alike, where each image is generated alone and where all see the first. Each image is stored
    in the catalog: an interrupted or enlarged table continues from there.
    """
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from deploy.bench.from_pictures.options import say, weights_of
    from deploy.bench.measured.cells import bench_and_cache
    from deploy.bench.refusal import refuse_unless_image
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.from_pictures.consistency import measure_sets, set_figures
    from dreamtuner.evaluation.from_pictures.sheet import set_sheet
    from dreamtuner.evaluation.untrained.views import hiding_subjects
    from dreamtuner.pocket.world import TEST, VALIDATION

    chosen = weights_of(weights)
    refuse_unless_image("--sheet", sheet)
    bench, cache = bench_and_cache()
    people = hiding_subjects(subjects, VALIDATION if validation else TEST)
    measured = measure_sets(bench, cache, people, prompts, chosen, say)
    found = set_figures(measured, bench.oracle)
    if sheet is not None:
        set_sheet(measured[:8]).save(sheet)
        say(f"sheet: {sheet}")
    if as_json:
        counts = {"subjects": subjects, "prompts": prompts, "weights": chosen, "validation": validation}
        typer.echo(json.dumps({**counts, "figures": [asdict(one) for one in found]}))
        return
    which = "validation" if validation else "test"
    title = f"{subjects} {which} subjects x {prompts} images, in %; 95 % over subjects"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    heads = ("first seen", "unsaid alike", "95 %", "said", "shown", "prompt", "copied", "outline")
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number < 1 else "right", no_wrap=True)
    for one in found:
        spread = f"{100 * one.unsaid.low:.0f} to {100 * one.unsaid.high:.0f}"
        others = (f"{100 * mean.value:.1f}" for mean in (one.said, one.shown, one.prompt, one.copying))
        table.add_row(one.row, f"{100 * one.unsaid.value:.1f}", spread, *others, f"{one.outline.value:.2f}")
    plain_terminal().out.print(table)
