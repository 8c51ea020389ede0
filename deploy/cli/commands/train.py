"""`dreamtuner train ...`: make the weights of an embedded profile here."""

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
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto for a GPU where there is one.")] = "auto",
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
        Path | None, typer.Option(help="A weights folder to begin from, instead of random weights.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Save and stop after so many minutes of training a part.")
    ] = None,
) -> None:
    """Train the pocket model on pictures that are drawn here. Interrupt it at will: the same command goes on.

    The finished weights are in OUT/weights, a folder that stock diffusers opens; OUT/report says how good they are.
    DREAMTUNER_POCKET_WEIGHTS=OUT/weights makes `run` use them.
    """
    from dreamtuner.pocket.recipe import RecipeError, train_pocket
    from flows.settings import Settings

    try:
        folder = out or Settings.load().home / "train" / "pocket"
        finished = train_pocket(part, device, scale, folder, minutes=minutes, start=start, say=_say)
    except RecipeError as error:
        _say(f"dreamtuner: {error}")
        raise typer.Exit(2) from error
    if not finished:
        raise typer.Exit(1)


@train.command()
def encoder(
    profile: Annotated[
        str, typer.Option(help="Which model's subject-encoder; pocket is the one trained here.")
    ] = "pocket",
    controlnet: Annotated[
        bool,
        typer.Option(help="Take the layout from the ControlNets; without them the layout is copied: an ablation."),
    ] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto for a GPU where there is one.")] = "auto",
    scale: Annotated[str, typer.Option(help="As for `train pocket`.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="The folder of `train pocket`.", callback=no_url)] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Save and stop after so many minutes.")] = None,
) -> None:
    """Train the subject-encoder (stage 1, Sec. 3.1) on a finished model; all else stays frozen.

    It is written into OUT/weights/subject_encoder. Interrupt it at will: the same command goes on.
    """
    from dreamtuner.pocket.recipe import RecipeError, train_pocket
    from flows.settings import Settings

    if profile != "pocket":
        _say(f"dreamtuner: --profile: {profile!r} has no training here; give pocket")
        raise typer.Exit(2)
    try:
        folder = out or Settings.load().home / "train" / "pocket"
        finished = train_pocket("encoder", device, scale, folder, minutes=minutes, controlnet=controlnet, say=_say)
    except RecipeError as error:
        _say(f"dreamtuner: {error}")
        raise typer.Exit(2) from error
    if not finished:
        raise typer.Exit(1)


def _say(line: str) -> None:
    typer.echo(line, err=True)
