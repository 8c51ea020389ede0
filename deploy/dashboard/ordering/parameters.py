"""Turns a checked order into the parameters of the catalog flow; a spec too large for Prefect goes by its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.dashboard.ordering.draft import Draft
from deploy.dashboard.resources import Resources
from flows.spec.feed_source import FROM
from flows.spec.model import Spec
from flows.spec.stored import as_parameter, keep_spec
from storage.sources import object_digest

FLAGS = ("new_defaults", "new_weights")


def order_parameters(
    known: Resources, draft: Draft, spec: Spec, flags: Mapping[str, bool], person: str
) -> dict[str, Any]:
    """Return what the catalog flow is started with. Raises StoreError.

    Subjects of an uploaded table are read by the flow.
    """
    content = spec.model_dump(mode="json", exclude_defaults=True)
    if object_digest(draft.feed) is not None:
        content["subjects"] = {FROM: draft.feed}
    return {
        "spec": spec_parameter(known, content, person),
        **{name: bool(flags.get(name)) for name in FLAGS},
    }


def spec_parameter(known: Resources, content: Mapping[str, Any], person: str) -> dict[str, Any]:
    """Return the content of a spec as a parameter; one that is too large for Prefect is stored. Raises StoreError."""

    def keep(data: bytes) -> str:
        return keep_spec(known.catalog, known.store, data, name=str(content["name"]), person=person)

    return as_parameter(content, keep)
