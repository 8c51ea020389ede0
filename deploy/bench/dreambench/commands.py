"""`dreamtuner bench dreambench` and `dreambench++`: their options, and what both do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.options import no_url

if TYPE_CHECKING:
    from dreamtuner.evaluation.dreambench.result import BenchResult
    from dreamtuner.evaluation.dreambench.subject_set import SubjectSet
    from flows.spec.model import Spec

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The published set, downloaded by you.")]
ProfileName = Annotated[str, typer.Option(help="The profile that generates.")]
Subjects = Annotated[int | None, typer.Option(min=1, help="Only the first subjects; the result says so.")]
Prompts = Annotated[int | None, typer.Option(min=1, help="Only the first prompts; the result says so.")]
Seeds = Annotated[int | None, typer.Option(min=1, help="Only the first seeds; the result says so.")]
FineTuned = Annotated[bool, typer.Option("--finetune", help="Fine-tune the profile on each subject's reference first.")]
Judges = Annotated[
    list[str] | None,
    typer.Option(
        "--judge",
        metavar="METRIC",
        help="A further metric, such as a judge of an installed package; repeat for several.",
    ),
]
Specs = Annotated[
    Path | None,
    typer.Option(help="Only write the specs to this folder, for `dreamtuner run` or `run --submit`.", callback=no_url),
]
Finished = Annotated[bool, typer.Option("--finished", help="Generate nothing; show what the catalog has so far.")]
Out = Annotated[Path | None, typer.Option(help="Write the page, HTML or with .md Markdown, here.", callback=no_url)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")]


def dreambench(
    folder: Folder,
    profile: ProfileName = "sd15",
    subjects: Subjects = None,
    prompts: Prompts = None,
    seeds: Seeds = None,
    finetune: FineTuned = False,
    judge: Judges = None,
    specs: Specs = None,
    finished: Finished = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure a profile on DreamBench (30 subjects, 25 prompts), one reference each, by one pinned protocol.

    FOLDER is a clone of https://github.com/google/dreambooth. Images are cells of the catalog: the same command
    continues after an interrupt, and started several times it shares the work.
    """
    from dreamtuner.evaluation.dreambench.dreambench import read_dreambench

    chosen = _Chosen("dreambench", profile, seeds, finetune, tuple(judge or ()))
    _bench(chosen, lambda: read_dreambench(folder).limited(subjects, prompts), specs, finished, out, as_json)


def dreambench_plus(
    folder: Folder,
    profile: ProfileName = "sd15",
    subjects: Subjects = None,
    prompts: Prompts = None,
    seeds: Seeds = None,
    finetune: FineTuned = False,
    judge: Judges = None,
    specs: Specs = None,
    finished: Finished = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure a profile on DreamBench++ (150 subjects, 9 prompts of their own), one reference each, by one protocol.

    FOLDER is the folder `data` of the release that https://github.com/yuangpeng/dreambench_plus links. Images are cells
    of the catalog: the same command continues after an interrupt, and started several times it shares the work.
    """
    from dreamtuner.evaluation.dreambench.dreambench_plus import read_dreambench_plus

    chosen = _Chosen("dreambench++", profile, seeds, finetune, tuple(judge or ()))
    _bench(chosen, lambda: read_dreambench_plus(folder).limited(subjects, prompts), specs, finished, out, as_json)


class _Chosen:
    """What a command was asked for, besides the set and the output."""

    def __init__(self, name: str, profile: str, seeds: int | None, finetune: bool, judges: tuple[str, ...]) -> None:
        from dreamtuner.evaluation.dreambench.protocol import protocols

        self.protocol, self.profile = protocols()[name], profile
        self.seeds, self.finetune = self.protocol.seeds[:seeds], finetune
        self.metrics = tuple(dict.fromkeys([*self.protocol.scores, *judges]))

    def specs(self, subjects: "SubjectSet") -> "list[Spec]":
        """Return the set's specs. Ends the command if one cannot be made."""
        from pydantic import ValidationError

        from deploy.bench.dreambench.specs import specs_of
        from deploy.bench.refusal import refuse
        from dreamtuner.plugins import PluginError

        try:
            return specs_of(subjects, self.profile, self.seeds, self.metrics, finetune=self.finetune)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where, why = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
            refuse(f"{self.protocol.name}: {where}: {why}")
        except PluginError as error:
            refuse(str(error))


def _bench(
    chosen: _Chosen,
    read: "Callable[[], SubjectSet]",
    folder: Path | None,
    finished: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Read the set, run its specs unless they are only written or shown, and print the result."""
    from deploy.bench.dreambench.outcome import result_of_specs
    from deploy.bench.refusal import refuse
    from deploy.cli.exit import OK, SOME_FAILED, leave, run_with_progress
    from deploy.cli.local_run import run_catalogs
    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.dreambench.page import write_page
    from dreamtuner.evaluation.dreambench.subject_set import SetError
    from flows.planning.preflight import demand_models
    from flows.resources import Resources
    from flows.settings import Settings

    try:
        subjects = read()
    except SetError as error:
        refuse(f"FOLDER: {error}")
    specs = chosen.specs(subjects)
    if folder is not None:
        _write(specs, folder)
        return
    settings = Settings.load()
    resources = Resources.open(settings)
    demand_models(specs[0], resources)
    if finished:
        if resources.catalog_if_any is None:
            refuse("--finished: the catalog has no image yet; leave the option out to generate them")
        terminal, runs = plain_terminal(), dict[str, str]()
    else:
        terminal, summaries = run_with_progress(
            "bench", settings, lambda line: run_catalogs(specs, settings, line, line.started)
        )
        runs = {one.name: one.run for one in summaries}
    result = result_of_specs(chosen.protocol, subjects, specs, resources, runs)
    if out is not None:
        terminal.err.print(f"page: {write_page(out, result)}", soft_wrap=True, highlight=False, markup=False)
    if as_json:
        terminal.out.print(json.dumps(result.as_json()), soft_wrap=True, highlight=False, markup=False)
    else:
        _print(result)
    leave(terminal, SOME_FAILED if result.missing and not finished else OK)


def _write(specs: "list[Spec]", folder: Path) -> None:
    from deploy.bench.dreambench.specs import spec_yaml

    folder.mkdir(parents=True, exist_ok=True)
    for spec in specs:
        (folder / f"{spec.name}.yaml").write_text(spec_yaml(spec), encoding="utf-8")
    typer.echo(f"{len(specs)} specs in {folder}")


def _print(result: "BenchResult") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from deploy.cli.terminal import plain_terminal
    from dreamtuner.evaluation.dreambench.figures import WHOLE
    from dreamtuner.evaluation.dreambench.page import COLUMNS, compared, with_interval

    out = plain_terminal().out
    shown = Table(title=result.protocol.title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in ("method", "model", "refs", *COLUMNS.values(), "source"):
        shown.add_column(head, overflow="fold")
    for row in compared(result):
        shown.add_row(*(Text(one) for one in row))
    out.print(shown)
    for figure in result.figures:
        if figure.category == WHOLE and figure.metric not in result.protocol.metrics.values():
            out.print(Text(f"{figure.metric} {with_interval(figure)}"))
    for number, table in enumerate(result.published, 1):
        out.print(Text(f"[{number}] {table.source}: {'; '.join(table.differs)}"), soft_wrap=True)
    for one in result.deviations:
        out.print(Text(f"not the whole protocol: {one}", style="yellow"), soft_wrap=True)
