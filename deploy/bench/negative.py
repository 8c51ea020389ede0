"""`dreamtuner bench negative`: measure what a negative prompt does beside a reference."""

import json
from functools import partial
from typing import Annotated

import typer


def negative(
    subjects: Annotated[int, typer.Option(min=1, help="Held-out subjects of the pocket world that wear a hat.")] = 8,
    images: Annotated[int, typer.Option(min=1, help="Images per subject.")] = 13,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Compare images without a negative prompt, with one in the steps of Eq. 5, and with one in every step.

    It names the subject's hat, or the scene of its reference. Shown is the share of images in which the oracle still
    reads what it names; identity and prompt are the shares of attributes that are as in the reference and the prompt.
    """
    from dataclasses import asdict

    from rich.table import Table

    from deploy.bench.refusal import refuse_without_oracle
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.negative_prompt import measure_negative_prompts
    from dreamtuner.evaluation.run import Bench
    from flows.resources import Resources

    resources = Resources.open()
    profile = resources.profile("pocket")
    refuse_without_oracle(profile, "DREAMTUNER_POCKET_WEIGHTS")
    bench = Bench.load(profile, resources.device)
    figures = list(measure_negative_prompts(bench, subjects, images, partial(typer.echo, err=True)))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in figures]))
        return
    table = Table(title=f"{subjects} subjects x {images} images", box=None)
    for column in ("named", "form", "shown %", "identity %", "prompt %"):
        table.add_column(column)
    for one in figures:
        shares = (one.shown, one.identity, one.prompt)
        table.add_row(one.named, one.form, *(f"{100 * share:.1f}" for share in shares))
    plain_terminal().out.print(table)
