"""`dreamtuner train pocket`: train the embedded model, or a part of it."""

from pathlib import Path
from typing import Annotated, Any

import typer


def pocket(
    part: Annotated[
        str, typer.Option(help="all, or one of: data, vae, tower, oracle, unet, controlnets, weights, encoder, report.")
    ] = "all",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto (a GPU if there is one).")] = "auto",
    scale: Annotated[
        str,
        typer.Option(
            help="cpu, gpu, smoke (takes seconds), auto, a YAML file; with --start: continue, encoder, widen."
        ),
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of checkpoints, weights and report; default DREAMTUNER_HOME/train/pocket."),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Start from this weights folder instead of random weights.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Save and stop after this many minutes of training a part.")
    ] = None,
) -> None:
    """Train the pocket model on images rendered on the fly. Interrupt it at any time: the same command resumes.

    Writes the weights to OUT/weights, a folder that stock diffusers opens, and their evaluation to OUT/report.
    Set DREAMTUNER_POCKET_WEIGHTS=OUT/weights for `run` to use them.
    """
    train_part(part, device, scale, out, minutes=minutes, start=start)


def train_part(part: str, device: str, scale: str, out: Path | None, **how: Any) -> None:
    """Train a part of pocket; end the command with 2 for bad input, with 1 if it is not finished."""
    from dreamtuner.pocket.recipe import RecipeError, train_pocket
    from flows.settings import Settings

    try:
        folder = out or Settings.load().home / "train" / "pocket"
        finished = train_pocket(part, device, scale, folder, say=print_line, **how)
    except RecipeError as error:
        print_line(f"dreamtuner: {error}")
        raise typer.Exit(2) from error
    if not finished:
        raise typer.Exit(1)


def print_line(line: str) -> None:
    """Print a line of progress or an error on stderr."""
    typer.echo(line, err=True)
