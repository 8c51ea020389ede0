"""`dreamtuner bench table1`: compare the method with its baselines on held-out subjects."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url

BRIEF = {
    "clip_t": "CLIP-T",
    "clip_i": "CLIP-I",
    "identity": "identity %",
    "prompt": "prompt %",
    "copying": "copying %",
}
"""Columns that fit in a terminal of 80 characters; the page and --json have all."""

PAIRED = {"identity": "identity", "prompt": "prompt", "copying": "copying"}
"""Metrics of the paired differences that the terminal shows."""


def table1(
    profile: Annotated[str, typer.Option(help="Profile to evaluate (only `pocket` is supported).")] = "pocket",
    subjects: Annotated[int, typer.Option(min=1, help="Held-out subjects, one reference each.")] = 30,
    prompts: Annotated[int, typer.Option(min=1, max=30, help="Prompts per subject.")] = 25,
    seeds: Annotated[int, typer.Option(min=1, help="Images per prompt.")] = 4,
    methods: Annotated[str, typer.Option(help="Names separated by commas, or all.")] = "all",
    sweep: Annotated[
        int, typer.Option(min=0, help="Number of subjects to also fine-tune for 0 to 1200 steps, as in Fig. 10.")
    ] = 0,
    against: Annotated[
        str | None,
        typer.Option(
            help="The method that the others are compared with subject by subject; masactrl if it is in the table."
        ),
    ] = None,
    validation: Annotated[
        bool, typer.Option(help="Use the identities that settings are tuned on instead of the test identities.")
    ] = False,
    finished: Annotated[
        bool, typer.Option("--finished", help="Measure nothing; only show the table of finished subjects.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the page, one HTML file, to this path.", callback=no_url)
    ] = None,
    measurements: Annotated[
        Path | None,
        typer.Option(
            help="A file of measured cells, .jsonl.gz: those in it are not measured again unless --out shows their "
            "images, and it is written anew with this table's.",
            callback=no_url,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")] = False,
) -> None:
    """Compare the method with its baselines (Table 1) on subjects that training never saw, one reference each.

    Each image is stored in the catalog with its metrics: an interrupted or enlarged table continues from there,
    processes that run at the same time on one machine share the subjects, and --finished shows the results so far.
    """
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from deploy.bench.measured.cells import cache_of
    from deploy.bench.measured.measurements import keep
    from deploy.bench.refusal import refuse, refuse_without_oracle
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.baselines.registry import methods_of, swept
    from dreamtuner.evaluation.held_out import held_out_subjects
    from dreamtuner.evaluation.run import Bench, measure_methods
    from dreamtuner.evaluation.run import finished as finished_results
    from dreamtuner.evaluation.table1.differences import differences, headline
    from dreamtuner.evaluation.table1.page import words_of, write_page
    from dreamtuner.evaluation.table1.summary import SHARES, claims, summary
    from dreamtuner.pocket.world import TEST, VALIDATION
    from flows.resources import Resources
    from flows.settings import Settings

    settings = Settings.load()
    if profile != "pocket":
        refuse(f"--profile: {profile!r}: the table is read by the pocket world's oracle; choose pocket")
    found, device = Resources.open(settings).profile(profile), Resources.open(settings).device
    refuse_without_oracle(found, "--profile")
    every = methods_of(found)
    asked = list(every) if methods == "all" else [name.strip() for name in methods.split(",")]
    if unknown := [name for name in asked if name not in every]:
        refuse(f"--methods: {unknown[0]!r} is none of {', '.join(every)}")
    if against is not None and against not in asked:
        refuse(f"--against: {against!r} is not in the table; choose one of {', '.join(asked)}")
    if against is None and "masactrl" in asked:
        against = "masactrl"
    if sweep > subjects:
        refuse(f"--sweep: {sweep} of {subjects} subjects; choose at most {subjects}, or raise --subjects")
    chosen = {name: every[name] for name in asked}
    curves = swept(found) if sweep else {}
    by_step = {name: method for points in curves.values() for name, method in points.values()}

    cache = cache_of(settings, found, pictured=out is not None, kept=measurements)
    people = held_out_subjects(subjects, seeds=VALIDATION if validation else TEST)
    first = people[:sweep]
    if finished:
        steps_of = finished_results(cache, by_step, first, prompts, seeds)
        table = finished_results(cache, chosen, people, prompts, seeds)
        if not next(iter(table.values())):
            refuse("--finished: no subject is done yet by all of these methods; leave the option out to measure them")
    else:
        bench, say = Bench.load(found, device), partial(typer.echo, err=True)
        # table and sweep together, by subject: trainings of the sweep continue those of the table and are then removed
        whole = measure_methods(bench, cache, {**chosen, **by_step}, first, prompts, seeds, say)
        steps_of = {name: whole[name] for name in by_step}
        table = measure_methods(bench, cache, chosen, people, prompts, seeds, say)
    done, swept_done = len(next(iter(table.values()))), len(next(iter(steps_of.values()), []))
    if measurements is not None:
        count = keep(cache, {**chosen, **by_step}, people, prompts, seeds)
        typer.echo(f"measurements: {count:,} cells in {measurements}", err=True)
    if swept_done:
        table = {**table, **steps_of}

    which = "validation" if validation else "test"
    pictures = f"{prompts} prompts x {seeds} {'seed' if seeds == 1 else 'seeds'}"
    detail = f"{done} {which} subjects x {pictures}, one reference each; 95 % over subjects."
    if sweep:
        detail += f" Steps of fine-tuning: {swept_done} of them."
    names = {name: method.name for name, method in chosen.items()}
    names |= {name: f"{head} @{step}" for head, points in curves.items() for step, (name, _) in points.items()}
    comparisons = claims(table)
    apart = {} if against is None else differences(table, against)
    if out is not None:
        steps = {head: {step: name for step, (name, _) in points.items()} for head, points in curves.items()}
        file = write_page(
            out, "Table 1: one reference, many pictures", detail, table, names, comparisons, steps, prompts, against
        )
        typer.echo(f"page: {file}", err=True)
    if as_json:
        counts = {"subjects": done, "swept": swept_done, "prompts": prompts, "seeds": seeds, "validation": validation}
        rows = {
            name: {what: asdict(mean) for what, mean in summary(results).items()} for name, results in table.items()
        }
        paired = {name: {what: asdict(mean) for what, mean in row.items()} for name, row in apart.items()}
        compared = [{**asdict(one), "met": one.met} for one in comparisons]
        typer.echo(
            json.dumps({**counts, "methods": rows, "claims": compared, "against": against, "differences": paired})
        )
        return
    shown = Table(title=f"Table 1: {detail}", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column("method")
    for head in BRIEF.values():
        shown.add_column(head, justify="right", no_wrap=True)
    for name, results in table.items():
        row = summary(results)
        shown.add_row(names[name], *(_brief(*words_of(what, row[what]), share=what in SHARES) for what in BRIEF))
    plain_terminal().out.print(shown)
    if apart:
        typer.echo(f"points above {names[against or '']}, subject by subject, 95 %:")
    for name, row in apart.items():
        typer.echo(f"  {names[name]}: {headline(row, PAIRED)}")
    for one in comparisons:
        points = [f"{100 * value:+.1f}" for value in (one.difference.value, one.difference.low, one.difference.high)]
        met = "reached" if one.met else "missed"
        typer.echo(f"{one.words}: {points[0]} points ({points[1]} to {points[2]}), {met}")


def _brief(value: str, half: str, *, share: bool) -> str:
    return f"{value} ±{half}" if share else value
