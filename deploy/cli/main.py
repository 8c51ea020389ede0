"""The `dreamtuner` command. Subcommands are imported only when they run, so that it starts quickly."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperOption

from deploy.cli.exit import INTERRUPTED, OK, SOME_FAILED, failed
from deploy.cli.lazy_commands import LazyGroup
from deploy.cli.terminal import OutputLostError, own_streams, plain_terminal, print_message
from deploy.prefect.isolation import isolate_environment

app = typer.Typer(
    name="dreamtuner",
    cls=LazyGroup,
    help="One reference image in, a scored catalog of that subject out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="All data is stored in DREAMTUNER_HOME (default .dreamtuner). Exit codes: 0 done, 1 some cells or subjects "
    "failed, 2 bad input, 130 interrupted.",
)


def _print_version(requested: bool) -> None:
    if requested:
        try:
            typer.echo(f"dreamtuner {version('dreamtuner')}")
        except PackageNotFoundError:
            typer.echo("dreamtuner, not installed")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def _without_types_of_flags() -> None:
    """Make `--help` list a flag as `--json`, not as `--json <bool>`: it takes no value."""
    shown = TyperOption.display_type_rich

    def display_type_rich(option: TyperOption, ctx: Any) -> str | None:
        return None if option.is_flag else shown(option, ctx)

    setattr(TyperOption, "display_type_rich", display_type_rich)  # noqa: B010  # mypy refuses to assign to a method


_without_types_of_flags()


def main() -> NoReturn:
    """Run the command line; bad input ends in a message and exit code 2, never in a traceback."""
    # transformers warns about torchvision, which is not needed, and shows a progress bar for every model
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    isolate_environment(os.environ)
    own_streams()
    try:
        app()
    except KeyboardInterrupt:
        print_message(plain_terminal(), "interrupted")
        sys.exit(INTERRUPTED)
    except Exception as error:
        failed(error)
    finally:
        _flushed()
    sys.exit(OK)


def _flushed() -> None:
    """Flush stdout; report an error while stderr still works."""
    try:
        sys.stdout.flush()
    except OutputLostError as error:
        print_message(plain_terminal(), str(error))
        os._exit(SOME_FAILED)


if __name__ == "__main__":
    main()
