"""Specs that are too large to be a parameter of a flow run: kept in the object store, and passed by their place."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from flows.resources import Resources
from flows.spec.model import Spec
from flows.spec.problems import PlacedError
from storage.sources import SourceError, object_digest, object_place

if TYPE_CHECKING:
    from storage.catalog import Catalog
    from storage.objects import ObjectStore

FROM = "from"
KIND, JSON = "spec", "application/json"
MOST_BYTES = 400_000
"""The most bytes of a spec as a parameter: Prefect's servers take 512 KiB of parameters."""
SCHEMA = {
    "type": "object",
    "title": "A stored spec",
    "properties": {
        "name": {"type": "string", "title": "Its name"},
        FROM: {"type": "string", "title": "Where it is stored: object:// and its SHA-256"},
    },
    "required": ["name", FROM],
    "additionalProperties": False,
}
"""The JSON schema of a spec that is passed by its place."""


def as_parameter(content: Mapping[str, Any], keep: Callable[[bytes], str]) -> dict[str, Any]:
    """Return the content of a spec as a parameter: as it is or, if it is too large, its name and place.

    `keep`: stores the bytes and returns their place.
    """
    data = json.dumps(content, sort_keys=True).encode()
    return dict(content) if len(data) <= MOST_BYTES else {"name": content["name"], FROM: keep(data)}


def keep_spec(catalog: Catalog, store: ObjectStore, data: bytes, *, name: str, person: str) -> str:
    """Store a spec and return its place. Raises StoreError."""
    from storage.catalog import writes
    from storage.ingest import storing

    with storing(catalog, store, (data, JSON)) as (s, [sha256]):
        writes.add_order_file(s, sha256=sha256, kind=KIND, name=name, person=person)
    return object_place(sha256)


def written_out(content: Mapping[str, Any], store: Callable[[], ObjectStore]) -> Mapping[str, Any]:
    """Return the content of a spec; of one that is passed by its place what is stored there. Raises SourceError."""
    if FROM not in content:
        return content
    from storage.objects import DigestMismatchError, ObjectMissingError, get_blob

    place = str(content[FROM])
    sha256 = object_digest(place)
    if sha256 is None or set(content) - {"name", FROM}:
        raise SourceError(f"{place[:90]!r} names no stored spec; write object:// and its SHA-256, or the spec itself")
    try:
        found = json.loads(get_blob(store(), sha256))
    except (ObjectMissingError, DigestMismatchError) as error:
        remedy = "order it again, on a machine with the DREAMTUNER_STORE_URL of the workers"
        raise SourceError(f"the stored spec {place[:24]}... cannot be read ({error}); {remedy}") from error
    except ValueError as error:
        raise SourceError(f"{place[:24]}... is no stored spec ({error}); order it again") from error
    if not isinstance(found, dict) or FROM in found:
        raise SourceError(f"{place[:24]}... is no stored spec; order it again")
    return found


class _ByPlace:
    """Describes a spec that may be passed by its place."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        return {"anyOf": [handler(core), SCHEMA]}


def _read(given: Any) -> Any:
    """Read what is passed by its place; wait while the store is away."""
    if not isinstance(given, Mapping) or FROM not in given:
        return given
    resources = Resources.open()
    try:
        return resources.patience().retry(lambda: written_out(given, lambda: resources.store))
    except SourceError as error:
        raise PlacedError([FROM], str(error)) from error


StoredSpec = Annotated[Spec, BeforeValidator(_read), _ByPlace()]
"""A spec as the parameter of a flow: written out, or `{name, from}` with the place where it is stored."""
