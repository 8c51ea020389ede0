"""How an order begins: empty, from a picture, from a run, or from a preset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from deploy.dashboard.ordering.draft import Draft
from deploy.dashboard.ordering.feeds import run_place
from deploy.dashboard.ordering.yaml_text import dumped
from deploy.dashboard.prefilled import prefilled
from flows.spec.feed_source import FROM
from storage.catalog import views
from storage.catalog.records import CatalogError
from storage.redaction import HIDDEN

EMPTY = "seeds: 1-4\n"
LISTED = 200
"""The most subjects of a run that its order again lists one by one."""


@dataclass(frozen=True)
class Beginning:
    """The first draft of an order. `hint`: what the person may want to do next; `open`: the numbers are shown."""

    draft: Draft
    hint: str = ""
    open: bool = False


def empty() -> Beginning:
    """Return an order that only has seeds."""
    return Beginning(Draft.of(EMPTY))


def from_picture(s: Session, output_id: int, more: str) -> Beginning:
    """Return the order that goes on from an output. Raises CatalogError, NotInCatalogError."""
    one = prefilled(s, output_id, more)
    content: dict[str, Any] = {"name": one.name}
    content |= {"profile": one.profile} if one.profile else {}
    content |= {"subjects": [{"name": each.name} for each in one.subjects]} if one.subjects else {}
    content |= {"prompts": [line for line in one.prompts.splitlines() if line], "seeds": _seeds(one.seeds)}
    return Beginning(Draft.of(dumped(content | plain(one.spec))), one.hint, one.open)


def from_run(s: Session, run_id: str) -> Beginning:
    """Return the order of a run again, exactly its spec. Raises NotInCatalogError, CatalogError."""
    spec = views.spec_of_run(s, run_id)
    if HIDDEN in json.dumps(spec):
        raise CatalogError(
            "an address in this run's spec had a password or signature, which is not stored; order it from its file"
        )
    hint = "This is the spec of the run. What exists already is not made again."
    if len(spec.get("subjects") or ()) > LISTED:  # a form with thousands of subjects is slow, and no YAML to read
        spec = {**spec, "subjects": {FROM: run_place(run_id)}}
    return Beginning(Draft.of(dumped(plain(spec))), hint)


def from_preset(s: Session, preset_id: int, user_id: int) -> Beginning:
    """Return the order of a preset, as it was written. Raises NotInCatalogError."""
    return Beginning(Draft.of(views.preset_spec(s, preset_id, user_id)))


def plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded spec as somebody would write it: without what is not set, and seeds as ranges."""
    from deploy.dashboard.ordering.draft import seeds_text

    found = {key: _without(value) for key, value in spec.items() if value not in (None, "", {}, [None])}
    if isinstance(found.get("seeds"), list):
        found["seeds"] = _seeds(seeds_text(found["seeds"]))
    if found.get("priority") == "normal":
        del found["priority"]
    return found


def _without(value: Any) -> Any:
    """Return the value with its mappings within lists, such as subjects, without what is not set."""
    if not isinstance(value, list):
        return value
    return [
        {key: each for key, each in one.items() if each not in (None, {}, False)} if isinstance(one, dict) else one
        for one in value
    ]


def _seeds(text: str) -> Any:
    return [int(text)] if text.isdecimal() else text
