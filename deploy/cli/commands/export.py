"""`dreamtuner export`: pictures of subjects and runs, in a folder or one file."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson, no_url
from deploy.cli.terminal import plain_terminal, print_result, say
from flows.settings import Settings


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="A new or empty folder, or a new .zip file (or that of another installed export format).",
            callback=no_url,
        ),
    ],
    subject: Annotated[
        list[str] | None, typer.Option(help="Only pictures of this subject; give it again for more subjects.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(help="Only pictures of this run, by name or the first digits of its id; give it again for more."),
    ] = None,
    approved: Annotated[bool, typer.Option("--approved", help="Only pictures that were approved.")] = False,
    stripped: Annotated[
        bool, typer.Option("--stripped", help="Leave out prompts, seeds and settings, in pictures and manifest.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write generated pictures to a folder or zip, one folder for each subject, with manifest.jsonl and manifest.csv.

    A picture that several subjects share is in the folder of each of them. OUT appears only when it is complete.
    """
    from deploy.cli.export import export as write

    done = write(Settings.load(), out, subjects=subject or [], runs=run or [], approved=approved, stripped=stripped)
    if as_json:
        print_result(done.as_json())
    else:
        for one in done.missing:
            say(plain_terminal(), f"left out: {one}")
        typer.echo(f"{done.out}: {done.pictures} pictures of {len(done.folders)} subjects")
    if done.missing:
        raise typer.Exit(SOME_FAILED)
