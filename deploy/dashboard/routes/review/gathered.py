"""What people gather in the gallery: tags, collections and saved filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.gallery_filter import FIELDS, parse_filter, whole_number
from deploy.dashboard.pages import query, redirect
from deploy.dashboard.resources import resources
from storage.catalog import writes
from storage.catalog.records import CatalogError, LabelKind

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer", tokens=False))]
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]
MOST = 1000  # outputs that are labelled at once


def numbers(text: str) -> Sequence[int]:
    """Parse the ids of outputs, separated by commas. Raises CatalogError."""
    found = [whole_number("ids", one) for one in text.split(",") if one.strip()]
    if not 0 < len(found) <= MOST:
        raise CatalogError(f"ids: give 1 to {MOST} numbers of outputs, separated by commas")
    return found


@router.post("/labels")
def label(
    request: Request,
    person: Reviewer,
    kind: Annotated[LabelKind, Form()],
    name: Annotated[str, Form(max_length=200)],
    ids: Annotated[str, Form(max_length=20_000)],
    off: Annotated[str, Form()] = "",
) -> dict[str, int | str]:
    """Put a tag on outputs or add them to a collection, which is created if there is none; with `off` the reverse."""
    chosen = numbers(ids)
    with resources(request).catalog.write() as s:
        label_id = writes.add_label(s, kind=kind, name=name, actor=person.name)
        changed = (
            writes.take_label(s, label_id, chosen) if off else writes.put_label(s, label_id, chosen, actor=person.name)
        )
        action = f"{'remove' if off else 'add'} {kind}"
        after = {"name": name, "outputs": changed}
        writes.record_audit(s, actor=person.name, action=action, entity="label", entity_id=label_id, after=after)
    return {"kind": kind, "name": name, "changed": changed}


@router.post("/filters")
async def keep(request: Request, person: Viewer) -> Response:
    """Keep the filter of the form under a name."""
    form = await request.form()
    asked = parse_filter({name: form.get(name) for name in FIELDS}).as_json()
    name = str(form.get("name") or "")

    with resources(request).catalog.write() as s:
        writes.save_filter(s, user_id=person.user_id, name=name, filter=asked)
        writes.record_audit(
            s, actor=person.name, action="save filter", entity="filter", entity_id=name[:60], after=asked
        )
    return redirect(f"/outputs?{query(asked)}", f"Kept as {name.strip()}.")


@router.post("/filters/{filter_id:int}/delete")
def drop(filter_id: int, request: Request, person: Viewer) -> Response:
    """Delete one of the person's filters."""
    with resources(request).catalog.write() as s:
        writes.delete_filter(s, filter_id, user_id=person.user_id)
        writes.record_audit(s, actor=person.name, action="delete filter", entity="filter", entity_id=filter_id)
    return redirect("/outputs", "Deleted.")
