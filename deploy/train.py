"""`dreamtuner train ...`: make the weights of an embedded profile here."""

from pathlib import Path
from typing import Annotated

import typer

from flows.problems import InputError, Problem
from flows.settings import Settings

train = typer.Typer(help="Train the weights of an embedded profile.", no_args_is_help=True)


@train.callback()
def _group() -> None:
    # with a callback typer keeps `pocket` a sub-command although it is the only one
    pass


@train.command()
def pocket(
    part: Annotated[
        str, typer.Option(help="What to train: all, or one part of the recipe; a wrong name lists them.")
    ] = "all",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto for a GPU where there is one.")] = "auto",
    scale: Annotated[str, typer.Option(help="How much: cpu, gpu, or smoke to see it work in a minute.")] = "cpu",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the checkpoints, report and weights; default home/train/pocket.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop each part after so long, saved.")] = None,
) -> None:
    """Train the pocket model from scratch on drawn pictures. Interrupt it at will: the same command goes on."""
    from dreamtuner.pocket.recipe import train_pocket

    folder = out if out is not None else Settings.load().home / "train" / "pocket"
    try:
        done = train_pocket(part, device, scale, folder, minutes=minutes)
    except ValueError as error:
        raise InputError("train pocket", [Problem(path=(), message=str(error))]) from error
    if not done:
        typer.echo("not done yet; the same command goes on", err=True)
        raise typer.Exit(1)
