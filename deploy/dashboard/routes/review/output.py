"""One output: its picture, recipe, lineage and history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard import flow_parameters
from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.exports.manifest import ending_of, entry
from deploy.dashboard.exports.options import ExportOptions
from deploy.dashboard.pages import kind_name, page, redirect, sentences
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.routes.review.export import demand_purpose
from deploy.marks.facts import facts_of
from storage.catalog import views, writes
from storage.catalog.records import CellDetail
from storage.catalog.views import OutputDetail, ReviewedBy
from storage.objects import get_blob

router = APIRouter()
Viewer = Annotated[Person, Depends(Needs("viewer"))]
Reviewer = Annotated[Person, Depends(Needs("reviewer"))]
Operator = Annotated[Person, Depends(Needs("operator"))]


@router.get("/outputs/{output_id:int}")
def output(output_id: int, request: Request, person: Viewer) -> Response:
    """Show an output with its recipe, lineage and history."""
    return output_page(request, person, output_id)


def output_page(
    request: Request, person: Person, output_id: int, *, status: int = 200, typed: str = "", failed: str = ""
) -> Response:
    """Render an output; `failed`: why the decision with the note `typed` was not stored."""
    known = resources(request)
    with known.catalog.read() as s:
        one = views.output(s, output_id)
        reviews, events = views.reviews_of(s, output_id), views.history(s, "cell", one.digest)
        sibling, edits = views.sibling(s, one), views.edits_of(s, output_id)
        warnings = views.warnings_of_outputs(s, [output_id]).get(output_id, [])
        maps = views.attention_maps(s, output_id, one.image_sha256)
        cell = views.cell(s, one.digest)
        labels = views.labels_of(s, [output_id]).get(output_id, [])
        reviewed = views.reviewed_by(s, [output_id]).get(output_id)
    ui = f"{known.prefect.ui}/runs/flow-run/{one.flow_run_id}" if known.prefect.ui and one.flow_run_id else ""
    needed = known.settings.approvals
    return page(
        request,
        "output.html",
        person,
        status=status,
        uuid=uuid4().hex,
        reasons=known.settings.reasons,
        typed=typed,
        failed=failed,
        one=one,
        reviews=reviews[::-1],
        events=events[::-1],
        sibling=sibling,
        edits=edits,
        prefect=ui,
        needed=needed,
        maps=maps,
        controls=control_images(cell),
        warnings=sentences(warnings),
        recipe=list(_numbers(one.settings)),
        labels=labels,
        copied=json.dumps(_recipe(one, reviewed), indent=1, ensure_ascii=False),
        can_order=person.may("operator") and known.takes_orders(flow_parameters.CATALOG),
        can_request="scene" not in one.settings
        and person.may("operator")
        and flow_parameters.ATTENTION in known.prefect.allowed
        and one.state == "generated",
        pointed=flow_parameters.pointed_size(one.width, one.height),
    )


@router.get("/outputs/{output_id:int}/download")
def download(output_id: int, request: Request, person: Reviewer) -> Response:
    """Return the picture as it leaves, with its marks, as a file to store."""
    return leaving(resources(request), output_id, person.name)


def leaving(known: Resources, output_id: int, actor: str) -> Response:
    """Return a picture as a file, with its marks, and record who took it; refused where a licence forbids it."""
    with known.catalog.read() as s:
        one, metrics = views.output(s, output_id, licences=True), views.metric_licences(s)
    demand_purpose(known, [one], metrics)
    marked = known.marker.mark(get_blob(known.store, one.image_sha256), facts_of(one))
    ending = ending_of(marked.data)
    name = f"{ExportOptions().name_of(one, one.subjects[0], 1).replace('/', '-')}.{ending}"
    if not known.catalog.read_only:
        after = {"to": name, "pictures": 1, "metadata": True, "marked": known.marker.settings.on}
        with known.catalog.write() as s:
            who: dict[str, Any] = {"actor": actor, "action": "export", "entity": "export", "entity_id": name}
            writes.record_audit(s, after=after, **who)
    kind = {"jpg": "jpeg"}.get(ending, ending)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(marked.data, media_type=f"image/{kind}", headers=headers)


def control_images(cell: CellDetail) -> list[tuple[str, str]]:
    """List the control images that a picture was generated with, as (name, SHA-256): first those of its reference."""
    reference = {"pose": cell.reference_pose, "depth": cell.reference_depth, **cell.reference_controls}
    followed = {"pose": cell.pose, "depth": cell.depth, **cell.controls}
    of_reference = [(f"{kind_name(kind)} of the reference", sha256) for kind, sha256 in reference.items()]
    images = [*of_reference, *((kind_name(kind), sha256) for kind, sha256 in followed.items())]
    return [(name, sha256) for name, sha256 in images if sha256 is not None]


def _recipe(one: OutputDetail, reviewed: ReviewedBy | None) -> dict[str, Any]:
    """Return what a copy of the recipe holds: the picture's line of an export's manifest, without a file."""
    said = entry(one, one.subjects[0], "", metadata=True, reviewed=reviewed)
    said.pop("file")
    return said


def _numbers(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Flatten the settings that are set, nested ones last."""
    for name, value in sorted(settings.items(), key=lambda one: isinstance(one[1], Mapping)):
        if name in ("edit", "set"):
            own = {key: each for key, each in value.items() if key not in ("cell", "first", "style", "mask")}
            own |= {"subject in": _where(value["mask"])} if "mask" in value else {}
            words = "edited picture" if name == "edit" else "first of its set"
            yield words, ", ".join(f"{key.replace('_', ' ')} {each}" for key, each in own.items())
        elif isinstance(value, Mapping):
            yield from _numbers(value)
        elif name == "references":
            for i, one in enumerate(value, 2):
                yield f"reference {i}", f"weight {one.get('weight', 1.0):g}, {one['caption']}"
        elif name == "subjects":  # of a scene
            for i, one in enumerate(value, 1):
                where = _where(one["region"])
                guided = [f"{key} {one[key]:g}" for key in ("w_ref", "w_r") if key in one]
                yield f"subject {i}", ", ".join([f"{one['prompt']} in {where}", *guided])
        elif value not in (None, "", []):
            yield name, value if isinstance(value, str) else json.dumps(value)


def _where(region: Mapping[str, Any] | Sequence[float]) -> str:
    """Return a region for people; nobody reads the run lengths of a mask."""
    return "a mask" if isinstance(region, Mapping) else json.dumps(region)


@router.post("/outputs/{output_id:int}/attention")
async def attend(output_id: int, request: Request, person: Operator) -> Response:
    """Request an attention map of a point of the picture."""
    form = await request.form()
    return await run_in_threadpool(_attend, output_id, request, person, form)


def _attend(output_id: int, request: Request, person: Person, form: FormData) -> Response:
    known = resources(request)
    with known.catalog.read() as s:
        one = views.output(s, output_id)
        shown = flow_parameters.pointed_size(one.width, one.height)
        given = flow_parameters.attention_parameters(one.digest, form, shown)
    flow_run_id = known.prefect.start(flow_parameters.ATTENTION, given)
    with known.catalog.write() as s:
        who: dict[str, Any] = {
            "actor": person.name,
            "action": "start flow",
            "entity": "flow run",
            "entity_id": flow_run_id,
        }
        writes.record_audit(s, **who, after={"deployment": flow_parameters.ATTENTION, "parameters": given})
    return redirect(f"/outputs/{output_id}", "Attention map requested; it is shown here once it is generated.")
