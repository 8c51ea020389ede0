"""`dreamtuner inspect`: who made a picture, from what, and whether it was touched since."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson
from deploy.cli.terminal import plain_terminal, print_result
from flows.settings import Settings
from flows.spec.problems import InputError, Problem


def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A PNG, JPEG or WebP, from anywhere.", exists=True, dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Show the marks of a picture: its C2PA signature, watermark, IPTC metadata and recipe.

    Exit code 1: the file was changed after it was signed.
    """
    from deploy.marks.inspection import UnreadableError
    from deploy.marks.inspection import inspect as read
    from deploy.marks.settings import MarkSettings
    from deploy.marks.wording import lines

    try:
        found = read(file.read_bytes(), MarkSettings.load(Settings.load().home).keys)
    except UnreadableError as error:
        raise InputError("inspect", [Problem(path=("FILE",), message=f"{file}: {error}")]) from error
    if as_json:
        print_result(found.as_json())
    else:
        console = plain_terminal().out
        for name, text in (*lines(found), *(("note", one) for one in found.notes)):
            console.print(f"{name:<12}{text}", soft_wrap=True, markup=False, highlight=False)
    if found.state == "touched":
        raise typer.Exit(SOME_FAILED)
