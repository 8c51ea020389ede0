"""The `dreamtuner` command. Each command imports what it needs when it runs, so that --help and status are quick."""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from deploy.bench import bench
from deploy.dashboard_command import dashboard
from deploy.finetune import Profile, Subject, asked, export_subject, finetune_json, finetune_words
from deploy.submit import CannotSubmit
from deploy.terminal import Terminal, new_log, plain_terminal, take_over
from deploy.train import train
from deploy.upkeep import add_commands
from flows.problems import InputError, SubjectRefused
from flows.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.progress_line import ProgressLine

T = TypeVar("T")
OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="dreamtuner",
    help="One reference picture in, a scored catalog of that subject out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Everything is kept in DREAMTUNER_HOME (default .dreamtuner). Exit codes: 0 done, 1 some cells or subjects "
    "failed, 2 bad input, 130 interrupted.",
)
app.add_typer(train, name="train")
app.add_typer(bench, name="bench")

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The order, a YAML file; see examples/pocket.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")]


@app.command()
def run(
    spec: SpecPath,
    submit: Annotated[
        bool, typer.Option("--submit", help="Have a Prefect worker make it (PREFECT_API_URL), and do not wait.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make what a spec asks for and is not there yet: ingest, draw, score, contact sheet.

    Run it again after an interrupt or an error: only what is missing is made. With --json the last line on stdout is
    {"run", "made", "skipped", "failed", "contact_sheet"}, with --submit {"flow_run", "name", "url"}; progress goes to
    stderr.
    """
    if submit:
        _submit(spec, as_json)
        return
    from deploy.running import run_catalog
    from deploy.tables import print_sheet, run_json, run_table
    from flows.preflight import demand_models
    from flows.spec_file import read_spec

    settings = Settings.load()
    order = read_spec(spec)
    demand_models(order, settings)
    terminal, summary = _followed("run", settings, lambda line: run_catalog(order, settings, line, line.started))
    if as_json:
        _print_line(terminal, run_json(summary))
    else:
        terminal.out.print(run_table(summary))
        print_sheet(terminal.out, summary)
    _leave(terminal, SOME_FAILED if summary.failed else OK)


@app.command()
def video(
    spec: SpecPath,
    fps: Annotated[int, typer.Option(min=1, max=60, help="Frames a second.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Make the poses of a spec the frames of a video: one clip a subject, prompt and seed, as MP4 and WebP.

    Each frame looks at the first and the previous one beside the reference. How much that calms is said: the flicker is
    the mean change of what does not move, against the same poses drawn independently. Run it again after an interrupt:
    only missing frames are drawn.
    """
    from deploy.running import run_video
    from deploy.video_tables import print_clips, video_json
    from flows.preflight import demand_models
    from flows.spec_file import read_spec
    from flows.video import demand_poses

    settings = Settings.load()
    order = read_spec(spec)
    demand_poses(order)
    demand_models(order, settings)
    terminal, summary = _followed("video", settings, lambda line: run_video(order, fps, settings, line, line.started))
    if as_json:
        _print_line(terminal, video_json(summary))
    else:
        print_clips(terminal.out, summary)
    _leave(terminal, SOME_FAILED if summary.failed else OK)


@app.command()
def finetune(
    subject: Subject,
    profile: Profile = "pocket",
    mode: Annotated[str | None, typer.Option(help="lora (small checkpoints) or full (all weights learn).")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimizer steps at most; default: the profile's.")] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many previews without a better likeness.")
    ] = None,
    more: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other number, such as lr.unet=1e-4.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a model learn a subject of the catalog (Sec. 3.3); specs that say `finetune` draw with what it learnt.

    A fine-tuning is done once: the same again is found by its digest. Interrupted or killed, it goes on from the last
    state in the object store. It ends with how like the reference its previews were, and with how well prompts that do
    not name the subject are followed before and after.
    """
    from deploy.running import run_finetune

    settings = Settings.load()
    numbers = asked({"mode": mode, "steps": steps, "patience": patience}, more or [])
    terminal, done = _followed(
        "finetune", settings, lambda line: run_finetune(subject, profile, numbers, settings, line, line.started)
    )
    if as_json:
        _print_line(terminal, finetune_json(done))
    else:
        for words in finetune_words(done):
            terminal.out.print(words, soft_wrap=True, highlight=False, markup=False)
    _leave(terminal, OK)


@app.command()
def plan(spec: SpecPath, as_json: AsJson = False) -> None:
    """Show what `run` would make, and which references it would refuse. Writes nothing."""
    from deploy.tables import plan_json, plan_table
    from flows.preview import preview
    from flows.spec_file import read_spec

    order = read_spec(spec)
    found = preview(order, Settings.load())
    _print(plan_json(order, found) if as_json else plan_table(order, found))
    if any(one.error for one in found.subjects):
        raise typer.Exit(SOME_FAILED)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show how much is planned, generating, generated, failed and lost, and the last runs."""
    from deploy.tables import status_json, status_table
    from flows.dead import close_dead_runs
    from flows.preview import catalog_if_any
    from storage.catalog import views
    from storage.catalog.records import CELL_STATES, StatusView

    settings = Settings.load()
    catalog = catalog_if_any(settings)
    found, runs = StatusView(0, dict.fromkeys(CELL_STATES, 0), 0), []
    if catalog is not None:
        close_dead_runs(settings)
        with catalog.read() as s:
            found, runs = views.status(s), views.recent_runs(s, limit=10)
    _print(status_json(found) if as_json else status_table(found, runs))


@app.command()
def ingest(
    image: Annotated[str, typer.Argument(help="The reference: a PNG, JPEG or WebP by path, https:// or s3:// URL.")],
    name: Annotated[str, typer.Option(help="What the subject is called; an existing name gets a new reference.")],
    class_word: Annotated[str, typer.Option(help="What it is, in a word the model knows: bear, rabbit, robot, ...")],
    style: Annotated[str, typer.Option(help="natural or anime")] = "natural",
    mask: Annotated[str | None, typer.Option(help="Its foreground mask, white on black, of the same size.")] = None,
    caption: Annotated[str | None, typer.Option(help="What the reference shows, in detail.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take one subject into the catalog: check its reference, find its foreground, keep both."""
    from pydantic import ValidationError

    from flows.keep import take_in
    from flows.problems import problems_of
    from flows.spec import SubjectSpec

    given = {"name": name, "class_word": class_word, "style": style, "mask": mask, "caption": caption}
    try:
        subject = SubjectSpec.model_validate({**given, "reference": image})
    except ValidationError as error:
        raise InputError("ingest", problems_of(error, SubjectSpec)) from error
    kept = take_in(subject, Settings.load())
    facts = {"subject": name, "reference": kept.facts.reference_sha256, "mask": kept.facts.mask_sha256}
    if as_json:
        _print({**facts, "confidence": kept.confidence, "doubtful": kept.doubtful})
    else:
        doubt = " [yellow](doubtful: look at it, or give --mask)[/yellow]" if kept.doubtful else ""
        plain_terminal().out.print(f"{name} is in the catalog; its mask has confidence {kept.confidence:.2f}{doubt}")


@app.command()
def attention(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="A cell's digest, or a PNG file that was drawn here.")],
    point: Annotated[str, typer.Option(help="x,y from the upper left corner of the picture, each 0..1.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the map too, a PNG file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which patches of the reference a point of a drawn picture looked at, by layer and step.

    The cell is drawn once more from its recipe, and compared with the stored picture; both are said. The map is kept
    with the picture, and the dashboard shows it there.
    """
    from flows.attend import keep_map
    from flows.attention import attention_map

    settings = Settings.load()
    made = attention_map(cell, point, settings)
    if output is not None:
        made.image.save(output)
    kept = keep_map(made, settings)
    if as_json:
        said = {"cell": made.digest, "redrawn": made.redrawn, "shares": made.shares}
        _print({**said, "map": None if output is None else str(output), "sha256": kept})
    else:
        shares = ", ".join(f"{title} {100 * share:.0f} %" for title, share in made.shares.items())
        _say(plain_terminal(), made.redrawn)
        plain_terminal().out.print(
            f"{output or 'kept with the picture'}: attention on the reference: {shares}",
            soft_wrap=True,
            highlight=False,
        )


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which profile can run, what is missing and how to get it."""
    from deploy.doctor import as_json as to_json
    from deploy.doctor import as_table, examine

    findings = examine(Settings.load())
    _print(to_json(findings) if as_json else as_table(findings))
    if any(one.state == "missing" for one in findings):
        raise typer.Exit(SOME_FAILED)


@app.command()
def deploy(
    dead_after: Annotated[
        float, typer.Option(min=35, help="Seconds without a sign of life after which a flow run is taken for dead.")
    ] = 90.0,
) -> None:
    """Register work pools, deployments and the automation that ends dead flow runs with the server of PREFECT_API_URL.

    Say it again after an update. Then start workers: `prefect worker start --pool dreamtuner-gpu --limit 1`, one a GPU,
    and `prefect worker start --pool dreamtuner-cpu`.
    """
    from deploy.submit import deploy as register

    register(Path(__file__).resolve().parents[1], dead_after)
    plain_terminal().out.print("registered; start workers: prefect worker start --pool dreamtuner-gpu --limit 1")


def _submit(spec: Path, as_json: bool) -> None:
    from deploy.submit import submit
    from flows.spec_file import read_spec

    order = read_spec(spec)
    done = submit(order)
    if as_json:
        _print({"flow_run": done.flow_run_id, "name": done.name, "url": done.url})
    else:
        plain_terminal().out.print(
            f"{order.name} waits for a worker of the pool dreamtuner-gpu: flow run {done.name}, {done.url or ''}",
            soft_wrap=True,
            highlight=False,
        )


add_commands(app)
app.command()(export_subject)
app.command()(dashboard)


def _followed(command: str, settings: Settings, work: "Callable[[ProgressLine], T]") -> "tuple[Terminal, T]":
    """What `work` returns, its progress on stderr, its noise in a log; what fails ends the process in a sentence."""
    from deploy.progress_line import ProgressLine
    from deploy.running import log_to_stderr

    log = new_log(settings.home, command)
    terminal = take_over(log)
    log_to_stderr()
    try:
        with ProgressLine(terminal.err) as line:
            return terminal, work(line)
    except KeyboardInterrupt:
        _say(terminal, "interrupted; what is made is kept, and the same command makes the rest")
        _leave(terminal, INTERRUPTED)
    except InputError as error:
        _say(terminal, str(error))
        _leave(terminal, BAD_INPUT)
    except Exception as error:
        traceback.print_exc()
        _say(terminal, f"{type(error).__name__}: {error}\nthe whole story is in {log}; what is made is kept")
        _leave(terminal, SOME_FAILED)


def _print_line(terminal: Terminal, what: dict[str, Any]) -> None:
    terminal.out.print(json.dumps(what), soft_wrap=True, highlight=False, markup=False)


def _print(what: Any) -> None:
    if isinstance(what, dict):
        sys.stdout.write(json.dumps(what) + "\n")
    else:
        plain_terminal().out.print(what)


def _say(terminal: Terminal, message: str) -> None:
    terminal.err.print(f"dreamtuner: {message}", soft_wrap=True, highlight=False, markup=False)


def _leave(terminal: Terminal, code: int) -> NoReturn:
    """End here and now: everything is put back and said, and what libraries do at exit only costs time."""
    terminal.flush()
    os._exit(code)


def main() -> NoReturn:
    """Run the command line; bad input is a message and exit code 2, never a traceback."""
    # transformers speaks of torchvision, which nothing here needs, and shows a bar for every model that it loads
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app()
    except KeyboardInterrupt:
        _say(plain_terminal(), "interrupted")
        sys.exit(INTERRUPTED)
    except (InputError, SettingsError, SubjectRefused) as error:
        _say(plain_terminal(), str(error))
        sys.exit(BAD_INPUT)
    except CannotSubmit as error:
        _say(plain_terminal(), str(error))
        sys.exit(BAD_INPUT)
    except Exception as error:
        # imported only now: the classes live beside SQLAlchemy and boto3, and --help needs neither
        from sqlalchemy.exc import DatabaseError

        from storage.catalog.records import CatalogError
        from storage.objects import StoreError

        if isinstance(error, DatabaseError):
            remedy = "restore it, or set DREAMTUNER_CATALOG_URL or DREAMTUNER_HOME to another"
            _say(plain_terminal(), f"the catalog cannot be used ({error.orig}); {remedy}")
        elif isinstance(error, CatalogError | StoreError | OSError):
            _say(plain_terminal(), str(error))
        else:
            raise
        sys.exit(SOME_FAILED)
    sys.exit(OK)


if __name__ == "__main__":
    main()
