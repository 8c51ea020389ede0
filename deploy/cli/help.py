"""Options of the program itself, and the layout of `--help`."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperOption

SETTINGS = {"help_option_names": ["--help", "-h"]}
"""Context settings of the outermost Typer; its commands inherit them."""


def without_types_of_flags() -> None:
    """Make `--help` list a flag as `--json`, not as `--json <bool>`: it takes no value."""
    shown = TyperOption.display_type_rich

    def display_type_rich(option: TyperOption, ctx: Any) -> str | None:
        return None if option.is_flag else shown(option, ctx)

    setattr(TyperOption, "display_type_rich", display_type_rich)  # noqa: B010  # mypy refuses to assign to a method


def _print_version(requested: bool) -> None:
    if requested:
        try:
            typer.echo(f"dreamtuner {version('dreamtuner')}")
        except PackageNotFoundError:
            typer.echo("dreamtuner, not installed")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""
