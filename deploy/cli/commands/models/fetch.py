"""`dreamtuner models fetch`: download what a profile names, and lock it."""

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
    """Download everything that a profile names, compare every file with its sum, and write the profile's lock.

    Run it again after an interrupt: what is there is kept. A locked profile is fetched at its commits, so that a lock
    which is copied to another machine gives the same files there.
    """
    from dreamtuner.models.intake.fetch import fetch as fetch_profile
    from flows.settings import Settings

    settings = Settings.load()
    done = fetch_profile(name, settings.profile_folders, offline=offline, update=update, say=progress)
    files = [one for place in done.lock.places for one in place.files]
    size = sum(one.bytes for one in files)
    if as_json:
        print_result(
            {
                "name": name,
                "weights": str(done.profile.weights),
                "source": done.profile.source,
                "files": len(files),
                "bytes": size,
                "changed": list(done.changed),
            }
        )
        return
    lines = [f"{name}: {len(files)} files, {size / 1e9:.2f} GB, locked; {done.profile.weights}"]
    typer.echo("\n".join([*lines, *(f"changed: {one}" for one in done.changed)]))
