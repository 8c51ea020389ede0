"""`dreamtuner bench edits`: measure local edits, whether what is asked changes and the rest stays."""

import json
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url


def edits(
    subjects: Annotated[int, typer.Option(min=2, help="Held-out subjects of the pocket world.")] = 8,
    pictures: Annotated[int, typer.Option(min=1, max=30, help="Pictures of a subject that are edited.")] = 1,
    weights: Annotated[str, typer.Option(help="Weights of the picture beside the reference, separated by commas.")] = (
        "1"
    ),
    backgrounds: Annotated[bool, typer.Option(help="Also with the background kept.")] = True,
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="Write pictures and their edits to this PNG or JPEG.", callback=no_url)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Change expression, pose and scene of a picture, one at a time, and compare with only changing the prompt.

    The oracle reads whether the change is there, and whether the subject's attributes and all other parts of the prompt
    are read as in the picture before. Each image is stored in the catalog: an interrupted or enlarged table continues
    from there.
    """
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from deploy.bench.from_pictures.options import say, weights_of
    from deploy.bench.measured.cells import bench_and_cache
    from deploy.bench.refusal import refuse_unless_image
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.from_pictures.edits import edit_figures, edit_rows, measure_edits
    from dreamtuner.evaluation.from_pictures.sheet import edit_sheet
    from dreamtuner.evaluation.held_out import held_out_subjects
    from dreamtuner.pocket.world import TEST, VALIDATION

    chosen = weights_of(weights)
    refuse_unless_image("--sheet", sheet)
    bench, cache = bench_and_cache()
    people = held_out_subjects(subjects, seeds=VALIDATION if validation else TEST)
    rows = edit_rows(chosen, backgrounds=backgrounds)
    measured = measure_edits(bench, cache, people, pictures, rows, say)
    found = edit_figures(measured, bench.oracle)
    if sheet is not None:
        edit_sheet(measured[:8]).save(sheet)
        say(f"sheet: {sheet}")
    if as_json:
        counts = {"subjects": subjects, "pictures": pictures, "weights": chosen, "validation": validation}
        typer.echo(json.dumps({**counts, "figures": [asdict(one) for one in found]}))
        return
    which = "validation" if validation else "test"
    title = f"{subjects} {which} subjects, {pictures} each, in %; 95 % over subjects"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, head in enumerate(("changed", "picture seen", "asked", "kept", "95 %", "ground")):
        table.add_column(head, justify="left" if number < 2 else "right", no_wrap=True)
    for number, one in enumerate(found):
        opens = number == 0 or found[number - 1].axis != one.axis
        if opens and number:
            table.add_section()
        spread = f"{100 * one.kept.low:.0f} to {100 * one.kept.high:.0f}"
        values = f"{100 * one.asked.value:.0f}", f"{100 * one.kept.value:.1f}", spread
        table.add_row(one.axis if opens else "", one.row, *values, f"{one.background.value:.3f}")
    plain_terminal().out.print(table)
