"""`dreamtuner export`: write images of subjects and runs to a folder or an archive."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson, no_url
from deploy.cli.terminal import plain_terminal, print_message, print_result
from flows.settings import Settings

if TYPE_CHECKING:
    from deploy.dashboard.exports.options import PictureFormat


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
    names: Annotated[
        str,
        typer.Option(
            help="Template of the file names, such as '{folder}/{n}-{prompt}'; of {folder}, {subject}, {id}, {n}, "
            "{seed}, {prompt}, {run}, {profile}, {rating}, {date}; by default {folder}/{id}-seed{seed}."
        ),
    ] = "",
    pictures: Annotated[
        str,
        typer.Option(help="Encode the images as png, jpeg or webp, with their recipe; original: as they are stored."),
    ] = "original",
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG and WebP.")] = 92,
    captions: Annotated[bool, typer.Option("--captions", help="Add a .txt with the prompt beside each image.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write generated images to a folder or zip, one folder per subject, with manifest.jsonl and manifest.csv.

    Images carry their marks: a C2PA signature, IPTC metadata and a watermark; `dreamtuner inspect` reads them. An image
    shared by several subjects is in the folder of each. OUT appears only once it is complete.
    """
    from deploy.cli.export import export as write
    from deploy.dashboard.exports.options import ExportOptions
    from flows.spec.problems import InputError, Problem
    from storage.catalog.records import CatalogError

    try:
        wanted = cast("PictureFormat", pictures)  # checked there
        options = ExportOptions(metadata=not stripped, names=names, pictures=wanted, quality=quality, captions=captions)
    except CatalogError as error:
        raise InputError("export", [Problem(path=(), message=str(error))]) from error
    done = write(Settings.load(), out, subjects=subject or [], runs=run or [], approved=approved, options=options)
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
