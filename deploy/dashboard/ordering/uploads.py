"""Files that come with an order: a new subject, control images. What is sent is kept when something is wrong."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.dashboard.resources import Resources
from deploy.dashboard.security.text import check_plain
from deploy.dashboard.uploads.subjects import NewSubject, add_subject
from storage.catalog import writes
from storage.catalog.records import CatalogError
from storage.ingest import storing
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob
from storage.sources import object_place

PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg", b"RIFF": "image/webp"}
NEW = ("name", "class_word", "style", "caption")
"""The fields of a new subject in an order's form; each begins with `new_`."""


@dataclass(frozen=True)
class Sent:
    """A file of a form: new, or kept from an earlier answer under its SHA-256 in the field `kept_...`."""

    name: str
    data: bytes


def sent(known: Resources, form: Mapping[str, Any], files: Mapping[str, Sent], field: str) -> Sent | None:
    """Return a file of the form; None if there is none, or what was kept is gone."""
    if (new := files.get(field)) is not None:
        return new
    sha256 = str(form.get(f"kept_{field}") or "")
    if not sha256:
        return None
    try:
        return Sent(str(form.get(f"kept_{field}_name") or field), get_blob(known.store, sha256))
    except (ObjectMissingError, DigestMismatchError):
        return None


def keep(known: Resources, one: Sent | None) -> str:
    """Store a file that could not be used yet and return its SHA-256, so that it need not be chosen again.

    Nothing refers to it: the collector removes it after its grace period. Only pictures are kept.
    """
    kind = "" if one is None else picture_type(one.data)
    if one is None or not kind:
        return ""
    with storing(known.catalog, known.store, (one.data, kind)) as (_, [sha256]):
        return str(sha256)


def picture_type(data: bytes) -> str:
    """Return the MIME type of a picture by its first bytes; empty if it is none."""
    return next((kind for begin, kind in PICTURES.items() if data.startswith(begin)), "")


def new_subject(
    known: Resources, form: Mapping[str, Any], reference: Sent | None, mask: Sent | None, project: str, person: str
) -> str:
    """Add the new subject of an order's form to the catalog and return its name. Raises CatalogError.

    `project`: the order's, by name; empty: everybody's.
    """
    given = {name: str(form.get(f"new_{name}") or "") for name in NEW} | {"project": project}
    check_plain(given)
    new = NewSubject.read(given)
    if reference is None:
        raise CatalogError("reference: choose a picture of the subject, PNG, JPEG or WebP")
    add_subject(known, new, reference.data, None if mask is None else mask.data, person)
    return new.name


def new_control_image(known: Resources, kind: str, one: Sent, person: str) -> str:
    """Store an uploaded control image and return its place. Raises CatalogError naming the kind if it cannot be one."""
    from dreamtuner.models.layouts import LayoutError, checked
    from dreamtuner.preprocess import ImageError, ImageLimits, decode_image

    try:
        image = decode_image(one.data, limits=ImageLimits(max_bytes=known.settings.max_upload, min_side=1)).image
        rgb = checked(kind, image)
    except (ImageError, LayoutError) as error:
        raise CatalogError(f"{kind}: {one.name[:60]}: {error}") from error
    buffer = io.BytesIO()
    rgb.save(buffer, "PNG")
    with storing(known.catalog, known.store, (buffer.getvalue(), "image/png")) as (s, [sha256]):
        writes.add_order_file(s, sha256=sha256, kind=kind, name=one.name, person=person)
    return object_place(sha256)
