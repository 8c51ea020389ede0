"""Exports: freeze a choice of approved images, then fetch it as one file, or its entries, as often as needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import Response
from starlette.requests import Request
from starlette.responses import StreamingResponse

from deploy.dashboard.access.rights import Person
from deploy.dashboard.api.listed import Cursor, Limit, Listed, listed
from deploy.dashboard.api.models.outputs import Export, NewExport
from deploy.dashboard.api.once import made_id
from deploy.dashboard.api.rights import Exporter
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.api.seen import run_of
from deploy.dashboard.exports.formats import EXPORT_FORMATS
from deploy.dashboard.exports.manifest import entry, files
from deploy.dashboard.exports.options import ExportOptions
from deploy.dashboard.resources import Resources, resources
from deploy.dashboard.routes.review.export import collect_export, demand_purpose
from dreamtuner.plugins import PluginError
from storage.catalog import views, writes
from storage.catalog.records import CatalogError
from storage.catalog.views import ExportView, OutputDetail

router = routes("exports")
FORMAT = "format"
FILE = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
LINES = {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}


@router.get("/exports")
def exports(
    request: Request, response: Response, person: Exporter, cursor: Cursor = None, limit: Limit = 50
) -> Listed[Export]:
    """List one's own exports that have not expired, the newest first."""
    known = resources(request)
    with known.catalog.read() as s:
        page = views.exports_page(s, person.user_id, after=cursor, limit=limit)
    return listed(request, response, [_shown(request, known, one) for one in page.rows], page.next)


@router.post("/exports", status_code=201)
def start(sent: NewExport, request: Request, response: Response, person: Exporter) -> Export:
    """Freeze the approved images that match.

    Refused if there are more than 5,000, and where a licence behind one forbids it.
    """
    known, options = resources(request), sent.options()
    try:
        EXPORT_FORMATS[sent.format]
    except PluginError as error:
        raise CatalogError(f"format: {error}") from error
    if sent.filter.decision not in (None, "approved"):
        raise CatalogError("filter.decision: only approved images are exported; leave it out")
    with known.catalog.read() as s:
        run_id = None if sent.filter.run is None else run_of(s, sent.filter.run)
    asked = sent.filter.model_copy(update={"decision": "approved"}).filter(run_id)
    ids = collect_export(known, asked)
    with known.catalog.read() as s:
        outputs, metrics = views.outputs(s, ids, licences=True), views.metric_licences(s)
    demand_purpose(known, outputs, metrics)
    stated = {**sent.model_dump(exclude={"filter", FORMAT}), FORMAT: sent.format}
    id = made_id(request).hex
    with known.catalog.write() as s:
        about: dict[str, Any] = {"filter": asked.as_json(), "options": stated, "output_ids": ids}
        writes.add_export(s, id=id, user_id=person.user_id, **about)
        after = {"to": id, "pictures": len(ids), "metadata": options.metadata, "marked": known.marker.settings.on}
        after |= {"filter": asked.as_json()}
        writes.record_audit(s, actor=person.name, action="export", entity="export", entity_id=id, after=after)
    response.headers["Location"] = f"{request.url.path}/{id}"
    return export(id, request, person)


@router.get("/exports/{export_id}")
def export(export_id: str, request: Request, person: Exporter) -> Export:
    """Return one of one's own exports."""
    known = resources(request)
    with known.catalog.read() as s:
        return _shown(request, known, views.export(s, person.user_id, export_id[:64]))


@router.get("/exports/{export_id}/file", response_class=StreamingResponse, responses={200: FILE})
def file(export_id: str, request: Request, person: Exporter) -> StreamingResponse:
    """Stream the export as one file: each picture with its marks, and the manifests."""
    known = resources(request)
    one, outputs = _fetched(known, person, export_id)
    packed_as = EXPORT_FORMATS[one.options[FORMAT]]
    with known.catalog.read() as s:
        reviewed, metrics = views.reviewed_by(s, one.output_ids), views.metric_licences(s)
    chosen = [(each, reviewed.get(each.output_id)) for each in outputs]
    whose = _whose(one)
    parts = files(known.store, chosen, known.marker, metrics, _options(one), subject_ids=whose)
    name = f"dreamtuner-{one.id[:12]}{packed_as.suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(packed_as.pack(parts), media_type=packed_as.media_type, headers=headers)


@router.get("/exports/{export_id}/manifest", response_class=StreamingResponse, responses={200: LINES})
def manifest(export_id: str, request: Request, person: Exporter) -> StreamingResponse:
    """Stream the export's entries, one JSON object a line; `picture` is where each picture is, with its marks."""
    known = resources(request)
    one, outputs = _fetched(known, person, export_id)
    options, whose = _options(one), _whose(one)
    with known.catalog.read() as s:
        reviewed = views.reviewed_by(s, one.output_ids)
    base = request.url.path.partition("/exports/")[0]

    def lines() -> Iterator[str]:
        for each in outputs:
            for link in each.subjects:
                if whose is None or link.subject_id in whose:
                    about: dict[str, Any] = {"metadata": options.metadata, "reviewed": reviewed.get(each.output_id)}
                    said = entry(each, link, "", **about)
                    del said["file"]
                    yield json.dumps(said | {"picture": f"{base}/outputs/{each.output_id}/picture"}) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _fetched(known: Resources, person: Person, export_id: str) -> tuple[ExportView, Sequence[OutputDetail]]:
    """Return an export with its images that are still approved, whose licences still allow it, and note the fetch."""
    with known.catalog.read() as s:
        one = views.export(s, person.user_id, export_id[:64])
        found = views.outputs(s, one.output_ids, subject_id=one.filter.get("subject_id"), licences=True)
        metrics = views.metric_licences(s)
    outputs = [each for each in found if each.decision == "approved"]
    demand_purpose(known, outputs, metrics)
    if not known.catalog.read_only:
        with known.catalog.write() as s:
            about: dict[str, Any] = {"entity": "export", "entity_id": one.id, "after": {"pictures": len(outputs)}}
            writes.record_audit(s, actor=person.name, action="fetch export", **about)
    return one, outputs


def _options(one: ExportView) -> ExportOptions:
    return ExportOptions(**{name: value for name, value in one.options.items() if name != FORMAT})


def _whose(one: ExportView) -> set[int] | None:
    subject_id = one.filter.get("subject_id")
    return None if subject_id is None else {int(subject_id)}


def _shown(request: Request, known: Resources, one: ExportView) -> Export:
    with known.catalog.read() as s:
        approved = views.count_approved(s, one.output_ids)
    base = f"{request.url.path.partition('/exports')[0]}/exports/{one.id}"
    return Export(
        id=one.id,
        pictures=len(one.output_ids),
        left_out=len(one.output_ids) - approved,
        filter=dict(one.filter),
        options=dict(one.options),
        created_at=one.created_at,
        expires_at=one.expires_at,
        file=f"{base}/file",
        manifest=f"{base}/manifest",
    )
