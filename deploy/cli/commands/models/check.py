"""`dreamtuner models check`: whether the models can be used, and what changed since they were locked."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.exit import SOME_FAILED
from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result

if TYPE_CHECKING:
    from flows.resources import Resources


def check(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The profile or auxiliary model; default: all that are here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read every loaded file again, compare it with the lock, and look for problems that stop a model from working.

    Fetched auxiliary models are checked, too. Also reports how many images the catalog has of a profile's present and
    earlier weights. Exit code 1 if something is wrong.
    """
    from dreamtuner.models.auxiliary import AUXILIARY
    from dreamtuner.models.profiles import profile_names
    from flows.resources import Resources
    from flows.settings import Settings

    settings = Settings.load()
    resources = Resources.open(settings)
    profiles = profile_names(settings.profile_folders)
    names = [name] if name else [*profiles, *(one for one in AUXILIARY.working() if one not in profiles)]
    found = []
    for each in names:
        if each in AUXILIARY and each not in profiles:
            one = _checked_auxiliary(each, named=name is not None)
        else:
            one = _checked(each, resources, named=name is not None)
        found += [] if one is None else [one]
    if as_json:
        print_result({"ok": all(one["ok"] for one in found), "models": found})
    else:
        typer.echo("\n".join(line for one in found for line in _lines(one)) or "no model is here yet")
    if not all(one["ok"] for one in found):
        raise typer.Exit(SOME_FAILED)


def _checked(name: str, resources: "Resources", *, named: bool) -> dict[str, Any] | None:
    """Check one profile; None for one that is not fetched, unless it is named."""
    from dreamtuner.models.intake.checks import problems
    from dreamtuner.models.intake.lock import read_lock
    from dreamtuner.models.intake.locked_files import changed_since
    from dreamtuner.models.profiles import place_of_lock
    from dreamtuner.models.weights import weights_digest
    from dreamtuner.plugins import PluginError, UnknownNameError

    row: dict[str, Any] = {"name": name, "ok": False, "problems": [], "changed": [], "locked": False}
    row |= {"weights_digest": None, "images": []}
    try:
        profile = resources.profile(name)
    except UnknownNameError:
        raise
    except PluginError as error:
        return {**row, "problems": [str(error)]}
    missing = profile.missing()
    if missing and len(missing) == len(profile.image_parts) and not named:
        return None
    lock = read_lock(place_of_lock(name, resources.settings.profile_folders))
    wrong = [f"lacks {', '.join(missing)} in {profile.weights}; get them with: {profile.remedy}"] if missing else []
    wrong += problems(profile)
    changed = [] if lock is None else changed_since(lock, profile)
    digest = None if wrong else weights_digest(profile)
    return {
        **row,
        "ok": not wrong and not changed,
        "problems": wrong,
        "changed": changed,
        "locked": lock is not None,
        "weights_digest": digest,
        "images": _images(name, resources, digest),
    }


def _checked_auxiliary(name: str, *, named: bool) -> dict[str, Any] | None:
    """Check one auxiliary model; None for one that is not on this machine, unless it is named."""
    from dreamtuner.models.auxiliary import AUXILIARY, auxiliary_digest, auxiliary_place
    from dreamtuner.models.auxiliary.fetch import demand_kind
    from dreamtuner.models.auxiliary.place import auxiliary_lock
    from dreamtuner.models.intake.errors import IntakeError
    from dreamtuner.models.intake.lock import read_lock
    from dreamtuner.models.intake.locked_files import changed_places

    model, place, lock = AUXILIARY[name], auxiliary_place(name), read_lock(auxiliary_lock(name))
    if place is None and lock is None and not named:
        return None
    wrong = [f"is not on this machine; get it with: {model.remedy}"] if place is None else []
    try:
        if place is not None:
            demand_kind(model, place)
    except IntakeError as error:
        wrong.append(str(error))
    changed = [] if lock is None or place is None else changed_places(lock)
    return {
        "name": name,
        "ok": not wrong and not changed,
        "problems": wrong,
        "changed": changed,
        "locked": lock is not None,
        "weights_digest": None if wrong or changed else auxiliary_digest(name),
        "images": [],
    }


def _images(name: str, resources: "Resources", digest: str | None) -> list[dict[str, Any]]:
    """Return how many images the catalog has of each state of the profile's weights."""
    from storage.catalog import views

    catalog = resources.catalog_if_any
    if catalog is None:
        return []
    with catalog.read() as s:
        uses = views.profile_uses(s, name)
    return [
        {
            "weights_digest": use.weights_digest,
            "present": use.weights_digest == digest,
            "cells": use.cells,
            "images": use.images,
        }
        for use in uses
    ]


def _lines(one: dict[str, Any]) -> list[str]:
    state = "ok" if one["ok"] else "cannot be used" if one["problems"] else "changed since it was locked"
    lines = [f"{one['name']}: {state}{'' if one['locked'] else ', not locked'}"]
    lines += [f"  {problem}" for problem in one["problems"]]
    lines += [f"  changed: {file}" for file in one["changed"]]
    if one["changed"]:
        lines.append(f"  if that is wanted, lock it again: dreamtuner models fetch {one['name']}")
    for use in one["images"]:
        which = "these weights" if use["present"] else f"other weights ({use['weights_digest'][:12]})"
        lines.append(f"  {use['images']} images of {which}")
    return lines
