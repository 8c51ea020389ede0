"""`dreamtuner export`: write images of subjects and runs to a folder or an archive."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson, no_url
from deploy.cli.terminal import plain_terminal, print_message, print_result
from flows.settings import Settings


def export(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="A new or empty folder, or a new .zip file (or a file of another installed export format).",
            callback=no_url,
        ),
    ],
    subject: Annotated[
        list[str] | None, typer.Option(help="Only images of this subject; repeat for more subjects.")
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(help="Only images of this run, by name or the first digits of its ID; repeat for more."),
    ] = None,
    approved: Annotated[bool, typer.Option("--approved", help="Only approved images.")] = False,
    stripped: Annotated[
        bool,
        typer.Option("--stripped", help="Leave prompts, seeds and settings out of images and manifest, not marks."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write generated images to a folder or zip, one folder per subject, with manifest.jsonl and manifest.csv.

    Images carry their marks: a C2PA signature, IPTC metadata and a watermark; `dreamtuner inspect` reads them. An image
    shared by several subjects is in the folder of each. OUT appears only once it is
    complete.
    """
    from deploy.cli.export import export as write

    done = write(Settings.load(), out, subjects=subject or [], runs=run or [], approved=approved, stripped=stripped)
    if not done.marked:
        from deploy.marks.settings import UNMARKED

        print_message(plain_terminal(), UNMARKED)
    if as_json:
        print_result(done.as_json())
    else:
        for one in done.missing:
            print_message(plain_terminal(), f"left out: {one}")
        typer.echo(f"{done.out}: {done.pictures} images of {len(done.folders)} subjects")
    if done.missing:
        raise typer.Exit(SOME_FAILED)
