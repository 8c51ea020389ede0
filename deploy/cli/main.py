"""The `dreamtuner` command. Each command is imported, and imports what it needs, when it runs: that is quick."""

import os
import sys
from typing import NoReturn

import typer

from deploy.cli.exit import INTERRUPTED, OK, SOME_FAILED, failed
from deploy.cli.help import SETTINGS, options, without_types_of_flags
from deploy.cli.lazy_commands import LazyGroup
from deploy.cli.terminal import OutputLostError, own_streams, plain_terminal, say
from deploy.prefect.isolation import isolate_environment

app = typer.Typer(
    name="dreamtuner",
    cls=LazyGroup,
    help="One reference picture in, a scored catalog of that subject out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=SETTINGS,
    epilog="Everything is kept in DREAMTUNER_HOME (default .dreamtuner). Exit codes: 0 done, 1 some cells or subjects "
    "failed, 2 bad input, 130 interrupted.",
)
without_types_of_flags()
app.callback()(options)


def main() -> NoReturn:
    """Run the command line; bad input is a message and exit code 2, never a traceback."""
    # transformers speaks of torchvision, which nothing here needs, and shows a bar for every model that it loads
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    isolate_environment(os.environ)
    own_streams()
    try:
        app()
    except KeyboardInterrupt:
        say(plain_terminal(), "interrupted")
        sys.exit(INTERRUPTED)
    except Exception as error:
        failed(error)
    finally:
        _flushed()
    sys.exit(OK)


def _flushed() -> None:
    """Bring the result out while there is somebody to tell that it could not be."""
    try:
        sys.stdout.flush()
    except OutputLostError as error:
        say(plain_terminal(), str(error))
        os._exit(SOME_FAILED)


if __name__ == "__main__":
    main()
