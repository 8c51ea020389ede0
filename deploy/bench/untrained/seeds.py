"""`dreamtuner bench seeds`: measure how different the images of a prompt's seeds are."""

import json
from functools import partial
from typing import Annotated

import typer


def seeds(
    subjects: Annotated[int, typer.Option(min=2, help="Held-out subjects of the pocket world.")] = 8,
    prompts: Annotated[int, typer.Option(min=1, max=30, help="Prompts per subject.")] = 4,
    seeds: Annotated[int, typer.Option(min=2, help="Images per prompt, which differ in their seed alone.")] = 4,
    inversion: Annotated[str, typer.Option(help="Shares of the reference's inversion, separated by commas.")] = (
        "0,0.5,0.7,1"
    ),
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Compare the diversity between seeds: the plain model, the method by its share of inversion, and MasaCtrl.

    Distances are means over all pairs of images of a prompt: of colours (pixels), of CLIP embeddings, of silhouettes
    (outline), and the share of the identity's attributes that the oracle reads differently. Each image is stored in the
    catalog with its metrics: an interrupted or enlarged table continues from there.
    """
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from deploy.bench.measured.cells import bench_and_cache
    from deploy.bench.refusal import refuse
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.cells import image_requests
    from dreamtuner.evaluation.held_out import held_out_subjects
    from dreamtuner.evaluation.run import measure_methods
    from dreamtuner.evaluation.untrained.seeds import APART, methods_of_seeds, seed_figures
    from dreamtuner.pocket.world import TEST, VALIDATION

    try:
        shares = [float(one) for one in inversion.split(",")]
    except ValueError:
        shares = [-1.0]
    if not all(0 <= one <= 1 for one in shares):
        refuse(f"--inversion {inversion!r}: give numbers from 0 to 1, separated by commas")
    bench, cache = bench_and_cache()
    people = held_out_subjects(subjects, seeds=VALIDATION if validation else TEST)
    methods = methods_of_seeds(shares)
    say = partial(typer.echo, err=True)
    table = measure_methods(bench, cache, methods, people, prompts, seeds, say, all_images=True)
    found = []
    for name, results in table.items():
        images = [cache.pictures(methods[name], one, image_requests(one, prompts, seeds)) for one in people]
        found.append(seed_figures(name, results, images, seeds, bench.oracle, bench.tower))
    if as_json:
        counts = {"subjects": subjects, "prompts": prompts, "seeds": seeds, "validation": validation}
        typer.echo(json.dumps({**counts, "methods": [asdict(one) for one in found]}))
        return
    which = "validation" if validation else "test"
    title = f"{subjects} {which} subjects x {prompts} prompts x {seeds} seeds: distance of two seeds"
    shown = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column("method")
    for head in ("pixels", "CLIP", "outline", "attributes %", "identity %", "copying %"):
        shown.add_column(head, justify="right", no_wrap=True)
    for one in found:
        distances = [one.apart[what].value for what in APART]
        shares_of = (distances[-1], one.identity.value, one.copying.value)
        shown.add_row(
            one.method, *(f"{value:.3f}" for value in distances[:-1]), *(f"{100 * value:.1f}" for value in shares_of)
        )
    plain_terminal().out.print(shown)
