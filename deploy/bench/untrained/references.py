"""`dreamtuner bench references`: measure what several references add where one picture hides part of the subject."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url


def references(
    subjects: Annotated[
        int, typer.Option(min=4, help="Held-out subjects: a back, a side, a bust and a close-up come first in turn.")
    ] = 24,
    prompts: Annotated[int, typer.Option(min=1, max=30, help="Prompts per subject, one image each.")] = 8,
    inversion: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the first reference's inversion; the profile's.")
    ] = None,
    weight: Annotated[
        float, typer.Option(min=0.01, max=100, help="Weight of references that hide, beside the one that shows.")
    ] = 1.0,
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write references and images side by side to this PNG or JPEG.", callback=no_url),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Measure identity of what one picture hides, with 1, 2 and 4 references of the subject, without fine-tuning.

    The first reference hides attributes of the subject, the second shows all of them, and the others hide again; one
    row has the second first. Each image is stored in the catalog with its metrics: an interrupted or enlarged table
    continues from there.
    """
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from deploy.bench.measured.cells import bench_and_cache
    from deploy.bench.refusal import refuse_unless_image
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.untrained.measure import figures, measure_references
    from dreamtuner.evaluation.untrained.sheet import reference_sheet
    from dreamtuner.evaluation.untrained.views import HIDING, hiding_subjects
    from dreamtuner.pocket.world import TEST, VALIDATION

    refuse_unless_image("--sheet", sheet)
    bench, cache = bench_and_cache()
    people = hiding_subjects(subjects, VALIDATION if validation else TEST)
    changes = {} if inversion is None else {"inversion": inversion}
    say = partial(typer.echo, err=True)
    measured = measure_references(bench, cache, people, prompts, say, changes, weight)
    found = figures(measured)
    if sheet is not None:
        reference_sheet(measured[: 2 * len(HIDING)]).save(sheet)
        typer.echo(f"sheet: {sheet}", err=True)
    if as_json:
        counts = {"subjects": subjects, "prompts": prompts, "validation": validation, "weight": weight, **changes}
        typer.echo(json.dumps({**counts, "figures": [asdict(one) for one in found]}))
        return
    which = "validation" if validation else "test"
    title = f"{subjects} {which} subjects x {prompts} prompts, in %; 95 % over subjects"
    title += "" if weight == 1 else f"; references that hide weigh {weight:g}"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, head in enumerate(("hides", "from", "hidden", "95 %", "chance", "shown", "prompt", "copied")):
        table.add_column(head, justify="left" if number < 2 else "right", no_wrap=True)
    for number, one in enumerate(found):
        opens = number == 0 or found[number - 1].hides != one.hides
        if opens and number:
            table.add_section()
        spread = f"{100 * one.hidden.low:.0f} to {100 * one.hidden.high:.0f}"
        values = (one.chance, one.shown.value, one.prompt.value, one.copying.value)
        others = (f"{100 * value:.1f}" for value in values)
        table.add_row(one.hides if opens else "", one.row, f"{100 * one.hidden.value:.1f}", spread, *others)
    plain_terminal().out.print(table)
