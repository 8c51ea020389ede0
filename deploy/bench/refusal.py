"""Ends a benchmark with bad input: one sentence on stderr and exit code 2, before anything is loaded."""

from pathlib import Path
from typing import NoReturn

import typer

from dreamtuner.models.profiles import Profile


def refuse(message: str) -> NoReturn:
    """End the command with ``message``, which names the option and the remedy."""
    typer.echo(f"dreamtuner: {message}", err=True)
    raise typer.Exit(2)


def refuse_without_oracle(profile: Profile, field: str) -> None:
    """End the command if the weights have no oracle to measure identity with; ``field`` selected them."""
    if not (profile.weights / "oracle").is_dir():
        refuse(f"{field}: {profile.weights} holds no oracle; get it with: {profile.remedy}")


def refuse_unless_image(option: str, file: Path | None) -> None:
    """End the command unless ``file``, if there is one, is the name of a PNG or JPEG in a folder that exists."""
    if file is None:
        return
    if file.suffix.lower() not in (".png", ".jpg", ".jpeg") or not file.absolute().parent.is_dir():
        refuse(f"{option} {file}: give the name of a PNG or JPEG in a folder that exists")
