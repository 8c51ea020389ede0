"""`dreamtuner train ...`: train the weights of an embedded profile."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.options import no_url

train = typer.Typer(help="Train the weights of an embedded profile.", no_args_is_help=True)


@train.command()
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
    from dreamtuner.pocket.recipe import RecipeError, train_pocket
    from flows.settings import Settings

    try:
        folder = out or Settings.load().home / "train" / "pocket"
        finished = train_pocket(part, device, scale, folder, minutes=minutes, start=start, say=_print)
    except RecipeError as error:
        _print(f"dreamtuner: {error}")
        raise typer.Exit(2) from error
    if not finished:
        raise typer.Exit(1)


@train.command()
def encoder(
    profile: Annotated[
        str, typer.Option(help="The profile whose subject-encoder to train; only pocket is supported.")
    ] = "pocket",
    controlnet: Annotated[
        bool,
        typer.Option(
            help="Condition on pose and depth by ControlNets; without them the model copies layouts (an ablation)."
        ),
    ] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto (a GPU if there is one).")] = "auto",
    scale: Annotated[str, typer.Option(help="As for `train pocket`.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="The folder of `train pocket`.", callback=no_url)] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Save and stop after this many minutes.")] = None,
) -> None:
    """Train the subject-encoder (stage 1, Sec. 3.1) on a finished model; all other weights stay frozen.

    Writes it to OUT/weights/subject_encoder. Interrupt it at any time: the same command resumes.
    """
    from dreamtuner.pocket.recipe import RecipeError, train_pocket
    from flows.settings import Settings

    if profile != "pocket":
        _print(f"dreamtuner: --profile: {profile!r} cannot be trained here; use pocket")
        raise typer.Exit(2)
    try:
        folder = out or Settings.load().home / "train" / "pocket"
        finished = train_pocket("encoder", device, scale, folder, minutes=minutes, controlnet=controlnet, say=_print)
    except RecipeError as error:
        _print(f"dreamtuner: {error}")
        raise typer.Exit(2) from error
    if not finished:
        raise typer.Exit(1)


def _print(line: str) -> None:
    typer.echo(line, err=True)
