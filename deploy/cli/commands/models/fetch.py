"""`dreamtuner models fetch`: download what a profile names, or an auxiliary model, and lock it."""

from typing import Annotated

import typer

from deploy.cli.commands.models.arguments import Name, Offline, progress
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result


def fetch(
    name: Name,
    update: Annotated[
        bool, typer.Option("--update", help="Take the newest commits instead of those in the lock.")
    ] = False,
    offline: Offline = False,
    as_json: AsJson = False,
) -> None:
    """Download everything that a profile names, compare every file with its checksum, and write the profile's lock.

    NAME may also be an auxiliary model that a metric needs, such as dino-vits16; models list shows them.

    Run it again after an interrupt: complete files are not downloaded again. A locked profile is fetched at the commits
    in its lock, so that a lock copied to another machine gives the same files there.
    """
    from dreamtuner.models.auxiliary import AUXILIARY
    from dreamtuner.models.auxiliary.fetch import fetch_auxiliary
    from dreamtuner.models.intake.fetch import fetch as fetch_profile
    from dreamtuner.models.profiles import profile_names
    from flows.settings import Settings

    settings = Settings.load()
    if name in AUXILIARY and name not in profile_names(settings.profile_folders):
        lock, changed = fetch_auxiliary(name, offline=offline, update=update, say=progress)
        (place,) = lock.places
        weights = place.folder
        source: str | None = place.source
    else:
        done = fetch_profile(name, settings.profile_folders, offline=offline, update=update, say=progress)
        lock, changed, weights, source = done.lock, done.changed, done.profile.weights, done.profile.source
    files = [one for place in lock.places for one in place.files]
    size = sum(one.bytes for one in files)
    if as_json:
        shown = {"name": name, "weights": str(weights), "source": source, "files": len(files), "bytes": size}
        print_result({**shown, "changed": list(changed)})
        return
    lines = [f"{name}: {len(files)} files, {size / 1e9:.2f} GB, locked; {weights}"]
    typer.echo("\n".join([*lines, *(f"changed: {one}" for one in changed)]))
