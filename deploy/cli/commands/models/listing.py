"""`dreamtuner models list`: which profiles and auxiliary models there are, and which can be used."""

from typing import Any

from deploy.cli.options import AsJson
from deploy.cli.terminal import print_result


def listing(as_json: AsJson = False) -> None:
    """List all profiles: whether their weights are downloaded and locked, their licence, size and source.

    The auxiliary models, which metrics need, are listed below them; they are fetched by name, too.
    """
    from dreamtuner.models.auxiliary import AUXILIARY
    from dreamtuner.models.profiles import profile_names
    from flows.settings import Settings

    settings = Settings.load()
    found = [_row(settings, name) for name in profile_names(settings.profile_folders)]
    further = [_auxiliary(name) for name in AUXILIARY.working()]
    if as_json:
        print_result({"models": found, "auxiliary": further})
        return
    from deploy.cli.tables import new_table

    table = new_table("profile", "state", "size", "px", "licence", "source")
    table.columns[0].no_wrap = True  # names are copied
    for column in table.columns:
        column.justify = "left"
    for one in found:
        size = "" if one["bytes"] is None else f"{one['bytes'] / 1e9:.2f} GB"
        state = one["state"] + (", locked" if one["locked"] else "")
        side = "" if one["resolution"] is None else str(one["resolution"])
        table.add_row(one["name"], state, size, side, one["licence"] or "", one["source"] or one["remedy"] or "")
    print_result(table)
    table = new_table("auxiliary model", "state", "size", "licence", "for", "source")
    table.columns[0].no_wrap = True  # names are copied
    for column in table.columns:
        column.justify = "left"
    for one in further:
        size = "" if one["bytes"] is None else f"{one['bytes'] / 1e9:.2f} GB"
        state = one["state"] + (", locked" if one["locked"] else "")
        table.add_row(one["name"], state, size, one["licence"], one["purpose"], one["remedy"] or one["source"])
    print_result(table)


def _auxiliary(name: str) -> dict[str, Any]:
    from dreamtuner.models.auxiliary import AUXILIARY, auxiliary_place
    from dreamtuner.models.auxiliary.place import auxiliary_lock
    from dreamtuner.models.intake.lock import read_lock

    model, place, lock = AUXILIARY[name], auxiliary_place(name), read_lock(auxiliary_lock(name))
    locked = None if lock is None else lock.place("weights")
    return {
        "name": name,
        "state": "not fetched" if place is None else "ready",
        "locked": locked is not None,
        "bytes": None if locked is None else sum(one.bytes for one in locked.files),
        "licence": model.licence.name,
        "commercial": model.licence.commercial,
        "source": locked.source if locked is not None else model.source.removeprefix("hub:"),
        "weights": None if place is None else str(place),
        "purpose": model.purpose,
        "remedy": model.remedy if place is None else None,
    }


def _row(settings: Any, name: str) -> dict[str, Any]:
    from dreamtuner.models.intake.lock import read_lock
    from dreamtuner.models.profiles import place_of_lock, ships
    from dreamtuner.models.weights import loaded_bytes
    from dreamtuner.plugins import PluginError
    from flows.resources import Resources

    row: dict[str, Any] = {"name": name, "ships": ships(name)}
    try:
        profile = Resources.open(settings).profile(name)
    except PluginError as error:
        empty = dict.fromkeys(("bytes", "resolution", "licence", "commercial", "source", "weights", "remedy"))
        return {**row, "state": "broken", "locked": False, **empty, "problem": str(error)}
    lock = read_lock(place_of_lock(name, settings.profile_folders))
    missing = profile.missing()
    state = "ready" if not missing else "not fetched" if len(missing) == len(profile.image_parts) else "incomplete"
    size = (
        sum(one.bytes for place in lock.places for one in place.files)
        if lock
        else None
        if missing
        else loaded_bytes(profile)
    )
    return {
        **row,
        "state": state,
        "locked": lock is not None,
        "bytes": size,
        "resolution": profile.resolution,
        "licence": profile.licence.name,
        "commercial": profile.licence.commercial,
        "source": profile.source,
        "weights": str(profile.weights),
        "remedy": profile.remedy if missing else None,
        "problem": f"missing: {', '.join(missing)}" if missing else None,
    }
