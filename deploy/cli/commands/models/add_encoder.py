"""`dreamtuner models add-encoder`: put a trained subject-encoder into a profile."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.commands.models.arguments import progress
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result


def add_encoder(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The safetensors file that `train encoder` wrote.")],
    profile: Annotated[str, typer.Option(help="The profile that gets it.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the subject-encoder that the profile has.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a subject-encoder to a profile of yours, after checking that it was made for its U-Net and CLIP model.

    It is unpacked in DREAMTUNER_HOME/models. Images of the profile then use it at the profile's beta; earlier ones stay
    as they are, with their lineage.
    """
    from dreamtuner.models.encoders.add import add_encoder as add
    from flows.settings import Settings

    settings = Settings.load()
    done = add(
        file, profile, folders=settings.profile_folders, models=settings.home / "models", force=force, say=progress
    )
    facts = done.encoder.facts
    shown: dict[str, Any] = {
        "profile": profile,
        "file": str(done.file),
        "encoder": str(done.folder),
        "notes": list(done.notes),
    }
    shown |= {name: facts.get(name) for name in ("numbers", "steps", "licence")}
    if as_json:
        print_result(shown)
        return
    lines = [
        f"{profile}: a subject-encoder of {facts.get('numbers', 0):,} numbers, trained for {facts.get('steps')} steps"
    ]
    lines += [f"licence {facts.get('licence')}", *(f"note: {one}" for one in done.notes)]
    typer.echo("\n".join([*lines, f"written: {done.file}"]))
