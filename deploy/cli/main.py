"""The `dreamtuner` command. Subcommands are imported only when they run, so that it starts quickly."""

import os
import sys
from typing import NoReturn

import typer

from deploy.cli.exit import INTERRUPTED, OK, SOME_FAILED, failed
from deploy.cli.help import SETTINGS, options, without_types_of_flags
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
    context_settings=SETTINGS,
    epilog="All data is stored in DREAMTUNER_HOME (default .dreamtuner). Exit codes: 0 done, 1 some cells or subjects "
    "failed, 2 bad input, 130 interrupted.",
)
without_types_of_flags()
app.callback()(options)


def main() -> NoReturn:
    """Run the command line; bad input ends in a message and exit code 2, never in a traceback."""
    # transformers warns about torchvision, which is not needed, and shows a progress bar for every model
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
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
