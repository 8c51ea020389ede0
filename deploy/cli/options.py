"""Arguments and options shared by several commands."""

import getpass
import re
from pathlib import Path
from typing import Annotated

import typer

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="A spec, a YAML file; see examples/pocket.yaml.")]
Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="The name of a subject in the catalog (added by `ingest` or `run`).")
]
NewDefaults = Annotated[
    bool,
    typer.Option("--new-defaults", help="Use the profile's newest defaults, not those of the first run."),
]
NewWeights = Annotated[
    bool,
    typer.Option("--new-weights", help="Regenerate the spec's images if the profile's weights changed since."),
]
Check = Annotated[
    bool, typer.Option("--check", help="Check every image in the store; regenerate lost or damaged ones.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")]


def no_url(given: Path | None) -> Path | None:
    """Return the path to write to; reject a URL, which would become a folder named after its scheme."""
    if given is not None and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(given)):
        raise typer.BadParameter(f"{str(given)!r} is a URL; give a path on this machine")
    return given


def actor() -> str:
    """Return who runs this command, as the audit records it."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container's user without a name
        return "somebody (command line)"
