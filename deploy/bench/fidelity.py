"""`dreamtuner bench fidelity`: measure how well images preserve the subject."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url


def fidelity(
    subjects: Annotated[int, typer.Option(min=2, help="Held-out subjects of the pocket world.")] = 30,
    prompts: Annotated[int, typer.Option(min=1, help="Prompts per subject.")] = 8,
    seeds: Annotated[int, typer.Option(min=1, help="Images per prompt.")] = 1,
    ablations: Annotated[bool, typer.Option(help="Also the ablations of Fig. 8.")] = False,
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the page with its images to this folder.", callback=no_url)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Run the cumulative ablation (plain, + SE, + S-S-A, both) on subjects that training never saw.

    Identity is the share of the reference's attributes that the oracle finds in the image; intervals are 95 % over
    subjects. Each image is stored in the catalog with its metrics: an interrupted or enlarged ablation continues from
    there, and processes that run at the same time on one machine share the subjects.
    """
    from dataclasses import asdict

    from rich.table import Table

    from deploy.bench.measured.cells import cache_of
    from deploy.bench.refusal import refuse_without_oracle
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.ablations import (
        ABLATIONS,
        COMPARED,
        CUMULATIVE_ABLATION,
        SHOWN,
        ablation_steps,
        means,
        without_layout,
    )
    from dreamtuner.evaluation.ablations_page import HEADS, format_difference, format_mean, write_page
    from dreamtuner.evaluation.held_out import held_out_subjects
    from dreamtuner.evaluation.run import Bench, measure_methods
    from dreamtuner.pocket.training.subject_encoder import WITHOUT_LAYOUT
    from dreamtuner.pocket.world import TEST, VALIDATION
    from flows.resources import Resources
    from flows.settings import Settings

    settings = Settings.load()
    profile, device = Resources.open(settings).profile("pocket"), Resources.open(settings).device
    refuse_without_oracle(profile, "DREAMTUNER_POCKET_WEIGHTS")
    bench = Bench.load(profile, device)
    variants = [*CUMULATIVE_ABLATION, *(ABLATIONS if ablations else ())]
    folder = profile.weights.parent / WITHOUT_LAYOUT
    if ablations and folder.is_dir():
        variants.append(without_layout(folder))
    elif ablations:
        typer.echo(f"training without layout: left out, {folder} is not there", err=True)
    people = held_out_subjects(subjects, seeds=VALIDATION if validation else TEST)
    cache, methods = cache_of(settings, profile), {one.name: one for one in variants}
    results = measure_methods(bench, cache, methods, people, prompts, seeds, partial(typer.echo, err=True))
    found = {name: [result.drawn for result in ours] for name, ours in results.items()}
    title = "Fidelity ladder"
    detail = f"{subjects} {'validation' if validation else 'test'} subjects x {prompts} prompts x {seeds} seeds; 95 %."
    if out is not None:
        typer.echo(f"page: {write_page(out, title, detail, found)}", err=True)
    if as_json:
        plain = {v: {row: asdict(mean) for row, mean in means(drawn).items()} for v, drawn in found.items()}
        steps = {
            f"{name}_steps": [
                {"from": low, "to": high, **asdict(mean)} for low, high, mean in ablation_steps(found, name)
            ]
            for name in COMPARED
        }
        counts = {"subjects": subjects, "prompts": prompts, "seeds": seeds, "validation": validation}
        typer.echo(json.dumps({**counts, "variants": plain, **steps}))
        return
    table = Table(title=f"{title}: {detail}")
    table.add_column("variant")
    for name in SHOWN:
        table.add_column(HEADS[name], justify="right")
    for variant_name, drawn in found.items():
        by_measure = means(drawn)
        table.add_row(variant_name, *(format_mean(name, by_measure[name]) for name in SHOWN))
    plain_terminal().out.print(table)
    for name in COMPARED:
        for low, high, mean in ablation_steps(found, name):
            typer.echo("{}, {} to {}: {} ({})".format(HEADS[name], low, high, *format_difference(name, mean)))
