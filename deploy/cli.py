"""The `dreamtuner` command. Each command imports what it needs when it runs, so that --help and status are quick."""

import os
import sys
from typing import NoReturn

import typer

from deploy.bench import bench
from deploy.commands.attention import attention
from deploy.commands.dashboard import dashboard
from deploy.commands.doctor import doctor
from deploy.commands.export_subject import export_subject
from deploy.commands.finetune import finetune
from deploy.commands.ingest import ingest
from deploy.commands.plan import plan
from deploy.commands.register import deploy
from deploy.commands.run import run
from deploy.commands.status import status
from deploy.commands.train import train
from deploy.commands.upkeep import backup, gc, restore, verify
from deploy.commands.video import video
from deploy.ending import BAD_INPUT, INTERRUPTED, OK, SOME_FAILED
from deploy.prefect_alone import leave_alone
from deploy.submit import CannotSubmit
from deploy.terminal import plain_terminal, say
from flows.problems import InputError, SubjectRefused
from flows.settings import SettingsError

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
for command in (
    *(run, video, finetune, plan, status, ingest, attention, doctor, deploy),
    *(verify, gc, backup, restore),
    *(export_subject, dashboard),
):
    app.command()(command)


def main() -> NoReturn:
    """Run the command line; bad input is a message and exit code 2, never a traceback."""
    # transformers speaks of torchvision, which nothing here needs, and shows a bar for every model that it loads
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    leave_alone(os.environ)
    try:
        app()
    except KeyboardInterrupt:
        say(plain_terminal(), "interrupted")
        sys.exit(INTERRUPTED)
    except (InputError, SettingsError, SubjectRefused) as error:
        say(plain_terminal(), str(error))
        sys.exit(BAD_INPUT)
    except CannotSubmit as error:
        say(plain_terminal(), str(error))
        sys.exit(BAD_INPUT)
    except Exception as error:
        # imported only now: the classes live beside SQLAlchemy and boto3, and --help needs neither
        from sqlalchemy.exc import DatabaseError

        from storage.catalog.records import CatalogError
        from storage.objects import StoreError

        if isinstance(error, DatabaseError):
            remedy = "restore it, or set DREAMTUNER_CATALOG_URL or DREAMTUNER_HOME to another"
            say(plain_terminal(), f"the catalog cannot be used ({error.orig}); {remedy}")
        elif isinstance(error, CatalogError | StoreError | OSError):
            say(plain_terminal(), str(error))
        else:
            raise
        sys.exit(SOME_FAILED)
    sys.exit(OK)


if __name__ == "__main__":
    main()
