"""Arguments and options that the commands of models share."""

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name, as specs write it.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Use only what is on this disk; HF_HUB_OFFLINE=1 does the same.")
]


def progress(line: str) -> None:
    """Print one line of progress to stderr."""
    typer.echo(line, err=True)
