"""Whether a profile's weights changed since a spec last ran: its cells would then all be generated again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import InputError, Problem
from storage.catalog import views

if TYPE_CHECKING:
    from storage.catalog import Catalog


def changed_weights(spec: Spec, resources: Resources, catalog: Catalog) -> str | None:
    """Return a sentence if the newest run of this spec has images of other weights of its profile; else None.

    Older catalogs do not say which parts changed.
    """
    with catalog.read() as s:
        past = views.weights_of_spec(s, spec.name, spec.profile)
    if past is None or not past.images or past.weights_digest == resources.weights_digest(spec.profile):
        return None
    what = _changed(past.parts or {}, resources.part_digests(spec.profile))
    cells = spec.cells
    return (
        f"the weights of profile {spec.profile} changed since {spec.name} last ran{what}: {cells} "
        f"{'cell' if cells == 1 else 'cells'} would be regenerated, and its {past.images} earlier images kept"
    )


def demand_same_weights(spec: Spec, resources: Resources, catalog: Catalog) -> None:
    """Raise InputError if the weights changed since the spec last ran; nothing is regenerated unasked."""
    if (changed := changed_weights(spec, resources, catalog)) is not None:
        remedy = "--new-weights does that; or bring the earlier weights back, or give the spec another name"
        raise InputError(f"spec {spec.name!r}", [Problem(path=("profile",), message=f"{changed}; {remedy}")])


def _changed(was: Mapping[str, str], now: Mapping[str, str]) -> str:
    parts = [part for part in sorted(was.keys() | now.keys()) if was.get(part) != now.get(part)]
    return f" ({', '.join(parts)})" if was and parts else ""
