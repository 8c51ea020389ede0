"""Arguments and options that several commands take."""

import re
from pathlib import Path
from typing import Annotated

import typer

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The order, a YAML file; see examples/pocket.yaml.")]
Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="Its name in the catalog; `ingest` and `run` enter it.")
]
NewDefaults = Annotated[
    bool,
    typer.Option("--new-defaults", help="Use the profile's newest defaults, not those that it was first made with."),
]
Check = Annotated[
    bool, typer.Option("--check", help="Read every picture from the store; lost or damaged ones are generated again.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")]


def no_url(given: Path | None) -> Path | None:
    """The path of something to write. A URL is refused: it would become a folder called like its scheme."""
    if given is not None and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(given)):
        raise typer.BadParameter(f"{str(given)!r} is a URL; give a path on this machine")
    return given
