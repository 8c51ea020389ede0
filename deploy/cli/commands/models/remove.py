"""`dreamtuner models remove`: forget a profile of this installation; images keep their lineage."""

from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.commands.models.arguments import Name
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result

if TYPE_CHECKING:
    from flows.resources import Resources


def remove(
    name: Name,
    weights: Annotated[
        bool, typer.Option("--weights", help="Also delete what was downloaded for it into the hub's cache.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove it although images were generated with it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a profile and its lock. Images that were made with it stay, with their lineage.

    They can be regenerated, and their runs continued, once the same weights are added under the same name again. A
    folder of your own is never deleted; a profile that ships stays listed, as not fetched.
    """
    from dreamtuner.models.intake.errors import IntakeError
    from dreamtuner.models.intake.remove import remove as remove_profile
    from flows.resources import Resources
    from flows.settings import Settings

    settings = Settings.load()
    images = _images(name, Resources.open(settings))
    if images and not force:
        raise IntakeError(
            f"{images} images were generated with the profile {name}; without it they cannot be regenerated, nor their "
            "runs continued. Use --force to remove it: the images keep their lineage"
        )
    done = remove_profile(name, settings.profile_folders, weights=weights)
    if as_json:
        shown = {"name": name, "removed": [str(one) for one in done.removed], "freed": done.freed}
        print_result({**shown, "kept": [str(one) for one in done.kept], "images": images})
        return
    lines = [f"removed {one}" for one in done.removed]
    lines += [f"the weights stay in {one}" for one in done.kept]
    lines += [f"freed {done.freed / 1e9:.2f} GB"] if weights else []
    typer.echo("\n".join(lines))


def _images(name: str, resources: "Resources") -> int:
    from storage.catalog import views

    catalog = resources.catalog_if_any
    if catalog is None:
        return 0
    with catalog.read() as s:
        return sum(use.images for use in views.profile_uses(s, name))
