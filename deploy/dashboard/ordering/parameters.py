"""Turns a checked order into the parameters of the catalog flow; long lists of subjects go into a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.dashboard.ordering.draft import Draft
from deploy.dashboard.ordering.feeds import keep_feed
from deploy.dashboard.resources import Resources
from flows.spec.feed import PROJECT
from flows.spec.feed_source import FROM
from flows.spec.feed_table import COLUMNS
from flows.spec.model import Spec
from storage.catalog.records import CatalogError

MOST_BYTES = 400_000
"""The most bytes of parameters: Prefect's server takes 512 KiB."""
FLAGS = ("new_defaults", "new_weights")


def order_parameters(
    known: Resources, draft: Draft, spec: Spec, flags: Mapping[str, bool], person: str
) -> dict[str, Any]:
    """Return what the catalog flow is started with. Raises CatalogError if that is more than Prefect takes.

    A list of subjects that is too long is stored as a table; the flow reads it when it begins.
    """
    content = spec.model_dump(mode="json", exclude_defaults=True)
    if draft.feed:
        content["subjects"] = {FROM: draft.feed}
    given = {"spec": content, **{name: bool(flags.get(name)) for name in FLAGS}}
    if _size(given) <= MOST_BYTES:
        return given
    table = None if draft.feed else as_table(content["subjects"])
    if table is not None:
        content["subjects"] = {FROM: keep_feed(known, table, f"{spec.name}, subjects", person)}
    if _size(given) > MOST_BYTES:
        raise CatalogError(
            f"the order has {_size(given):,} bytes, more than the {MOST_BYTES:,} that Prefect takes; upload its "
            "subjects as a table, or write fewer of its seeds"
        )
    return given


def as_table(entries: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Return the entries of subjects as CSV; None if one has what a table cannot say."""
    columns = [one for one in COLUMNS if one != PROJECT]
    if any(set(one) - set(columns) for one in entries):
        return None
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(entries)
    return out.getvalue().encode()


def _size(content: Mapping[str, Any]) -> int:
    return len(json.dumps(content).encode())
