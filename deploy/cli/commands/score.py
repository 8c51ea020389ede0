"""`dreamtuner score`: score images that are in the catalog, without generating any."""

from typing import Annotated

import typer

from deploy.cli.exit import OK, leave, run_with_progress
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_line
from flows.settings import Settings
from flows.spec.problems import InputError, Problem


def score(
    metric: Annotated[
        list[str], typer.Option("--metric", metavar="NAME", help="A metric, such as dino_s16; repeat for several.")
    ],
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run, by name or by the first characters of its ID.")
    ] = None,
    subject: Annotated[str | None, typer.Option(metavar="NAME", help="Only images of this subject.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All images of the catalog.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score the images of a run, of a subject, or all of them; no image is generated.

    What the present version of a metric has scored is skipped, so the same command continues after an interrupt. Where
    a model is missing, the message names the command that fetches it.
    """
    if everything == (run is not None or subject is not None):
        what = "give a RUN, --subject or both, or --all for every image of the catalog"
        raise InputError("score", [Problem(path=(), message=what)])
    from flows.resources import Resources

    settings = Settings.load()
    resources = Resources.open(settings)
    if resources.catalog_if_any is None:
        raise InputError("score", [Problem(path=(), message="the catalog has no image yet; run a spec first")])
    from dataclasses import asdict

    from deploy.cli.local_run import run_score
    from deploy.cli.tables import new_table
    from flows.score import demand_metrics
    from storage.catalog import views
    from storage.catalog.records import NotInCatalogError

    try:
        with resources.catalog.read() as s:
            runs = None if run is None else tuple(views.run_ids(s, run))
            shown = None if subject is None else views.subject_id(s, subject)
            counts = views.outputs_by_profile(s, views.OutputChoice(runs, shown))
    except NotInCatalogError as error:
        raise InputError("score", [Problem(path=(), message=str(error))]) from error
    demand_metrics(metric, list(counts), resources)
    terminal, done = run_with_progress(
        "score", settings, lambda line: run_score(metric, runs, shown, settings, line, line.started)
    )
    if as_json:
        images, scored = sum(counts.values()), sum(one.scored for one in done)
        print_line(terminal, {"images": images, "scored": scored, "metrics": [asdict(one) for one in done]})
    else:
        table = new_table("metric", "profile", "scored", "skipped", "version", "licence")
        for one in done:
            licences = ", ".join(dict.fromkeys(one.licences.values()))
            table.add_row(one.metric, one.profile, str(one.scored), str(one.skipped), one.version, licences)
        terminal.out.print(table if done else "no image matches; nothing is scored")
    leave(terminal, OK)
