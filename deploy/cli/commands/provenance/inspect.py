"""`dreamtuner inspect`: who made a picture, from what, and whether it was touched since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson
from deploy.cli.terminal import plain_terminal, print_result
from flows.settings import Settings
from flows.spec.problems import InputError, Problem

if TYPE_CHECKING:
    from deploy.marks.inspection import Inspection


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

    try:
        found = read(file.read_bytes(), MarkSettings.load(Settings.load().home).keys)
    except UnreadableError as error:
        raise InputError("inspect", [Problem(path=("FILE",), message=f"{file}: {error}")]) from error
    if as_json:
        print_result(found.as_json())
    else:
        console = plain_terminal().out
        for name, text in lines(found):
            console.print(f"{name:<12}{text}", soft_wrap=True, markup=False, highlight=False)
    if found.state == "touched":
        raise typer.Exit(SOME_FAILED)


def lines(found: Inspection) -> list[tuple[str, str]]:
    """Return what is shown to people: a name and a text each."""
    mark, said = found.watermark, []
    said.append(("generated", "yes, by a trained model" if found.marked else "nothing in the file says so"))
    said.append(("signature", found.state + (f" ({', '.join(found.problems)})" if found.problems else "")))
    said += [("signed by", found.signer)] if found.signer else []
    said += [("made by", found.made_by)] if found.made_by else []
    said += [("cell", found.cell)] if found.cell else []
    said += [("made from", f"{label}  {digest[:16]}") for label, digest in found.ingredients.items()]
    if mark.found:
        whose = "this house" if mark.ours else f"house {mark.house}" if mark.house else "of a house it does not tell"
        about = f", cell {mark.cell}..." if mark.cell else ""
        said.append(("watermark", f"found: {whose}{about} (strength {mark.strength:.1f})"))
    else:
        said.append(("watermark", f"not found (strength {mark.strength:.1f})"))
    said += [(name, value) for name, value in (("IPTC", found.iptc.get("DigitalSourceType")),) if value]
    said += [("parameters" if i == 0 else "", line) for i, line in enumerate((found.parameters or "").splitlines())]
    return [*said, *(("note" if i == 0 else "", one) for i, one in enumerate(found.notes))]
