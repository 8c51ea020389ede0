"""`dreamtuner models add`: make a model usable under a name."""

from typing import Annotated, Any

import typer

from deploy.cli.commands.models.arguments import Name, Offline, progress
from deploy.cli.commands.models.convert import Config, as_folder
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result


def add(
    name: Name,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help=r"owner/name\[@revision]\[:variant] on the hub, a folder in diffusers' layout, the hub's cache, or "
            "one .safetensors or .ckpt file with all weights.",
        ),
    ],
    variant: Annotated[str | None, typer.Option(help="Infix of the weight files to load, such as fp16.")] = None,
    licence: Annotated[
        str | None, typer.Option(help="The weights' licence; default: what their page or folder states.")
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(help="Folder or owner/name of the CLIP model of scores; default: the model's, or OpenAI's."),
    ] = None,
    picture: Annotated[
        bool, typer.Option(help="Load the model and generate one image before the profile is written.")
    ] = True,
    config: Config = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace your profile of this name.")] = False,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Add a model: find and check its files, generate a first image, and write a profile NAME with a lock.

    Weights from the hub are downloaded into its own cache, a folder stays where it is, and a file is converted to one
    in DREAMTUNER_HOME/models. Nothing is written under NAME before the model has generated an image. A profile that
    ships, such as sd15, keeps its settings when you give its weights.
    """
    from dreamtuner.models.intake.add import demand_name, take_in
    from dreamtuner.models.intake.lock import alone
    from flows.resources import Resources
    from flows.settings import Settings

    settings = Settings.load()
    folders = settings.profile_folders
    demand_name(name, folders, force=force)
    with alone(name, folders[0]), as_folder(name, source, settings.home / "models", config, progress) as origin:
        taken = take_in(
            name,
            origin.source,
            folders=folders,
            variant=variant,
            licence=licence,
            clip=clip,
            offline=offline,
            force=force,
            origin=origin.file,
            say=progress,
        )
        profile = taken.profile
        tried: dict[str, Any] = {}
        if picture:
            from deploy.cli.commands.models.first_picture import first_picture

            progress(f"loading {profile.weights}")
            found = first_picture(profile, Resources.open(settings).device)
            place = settings.home / "models" / f"{name}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            found.image.save(place)
            tried = {
                "picture": str(place),
                "device": found.device,
                "steps": found.steps,
                "load_s": round(found.load_s, 2),
                "image_s": round(found.image_s, 2),
                "memory_bytes": found.memory_bytes,
            }
        file = taken.write(folders[0])
    weights = taken.lock.place("weights")
    shown = {
        "name": name,
        "profile": str(file),
        "weights": str(profile.weights),
        "source": profile.source,
        "commit": None if weights is None else weights.commit,
        "variant": profile.variant,
        "resolution": profile.resolution,
        "licence": profile.licence.name,
        "commercial": profile.licence.commercial,
        "bytes": sum(one.bytes for place in taken.lock.places for one in place.files),
        **tried,
        "notes": [*origin.notes, *taken.notes],
    }
    if as_json:
        print_result(shown)
    else:
        typer.echo(_lines(shown))


def _lines(shown: dict[str, Any]) -> str:
    commercial = {True: "commercial use allowed", False: "no commercial use", None: "terms unknown"}
    lines = [
        f"{shown['name']}: {shown['resolution']} px, {shown['bytes'] / 1e9:.2f} GB, {shown['weights']}",
        f"licence {shown['licence']}: {commercial[shown['commercial']]}",
    ]
    if "picture" in shown:
        lines.append(
            f"loaded in {shown['load_s']} s, one image of {shown['steps']} steps in {shown['image_s']} s on "
            f"{shown['device']}, {shown['memory_bytes'] / 1e9:.2f} GB of memory: {shown['picture']}"
        )
    lines += [f"note: {one}" for one in shown["notes"]]
    return "\n".join([*lines, f"written: {shown['profile']}; use it in a spec with profile: {shown['name']}"])
