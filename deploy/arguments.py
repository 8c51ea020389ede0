"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The order, a YAML file; see examples/pocket.yaml.")]
Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="Its name in the catalog; `ingest` and `run` enter it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")]
