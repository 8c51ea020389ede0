"""Outputs: list, look at one, fetch its picture as it leaves."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from starlette.requests import Request

from deploy.dashboard.api.listed import Limit, Listed, listed
from deploy.dashboard.api.models.outputs import Output, OutputFilter, OutputRow, Review
from deploy.dashboard.api.rights import Exporter, Reader
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.api.seen import run_of
from deploy.dashboard.exports.manifest import ending_of
from deploy.dashboard.exports.options import ExportOptions
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.review.export import demand_purpose
from deploy.marks.facts import facts_of
from storage.catalog import views, writes
from storage.objects import get_blob

router = routes("outputs")
PICTURE = {
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg", "image/webp")
    }
}


class OutputQuery(OutputFilter):
    """Which images, and which page of them."""

    cursor: Annotated[str | None, Query(max_length=400, description="the `next` of the page before")] = None
    limit: Limit = 50


@router.get("/outputs")
def outputs(
    request: Request, response: Response, person: Reader, asked: Annotated[OutputQuery, Query()]
) -> Listed[OutputRow]:
    """List the images that match, the newest first, or the best by a metric. A page may be short and have a next."""
    with resources(request).catalog.read() as s:
        run_id = None if asked.run is None else run_of(s, asked.run)
        wanted = OutputFilter(**asked.model_dump(exclude={"cursor", "limit"})).filter(run_id)
        page = views.gallery_page(s, wanted, after=asked.cursor, limit=asked.limit)
    return listed(request, response, [OutputRow.model_validate(one) for one in page.rows], page.next)


@router.get("/outputs/{output_id}")
def output(output_id: int, request: Request, person: Reader) -> Output:
    """Return one image with what it was made of."""
    with resources(request).catalog.read() as s:
        return Output.model_validate(views.output(s, output_id))


@router.get("/outputs/{output_id}/reviews")
def reviews(output_id: int, request: Request, person: Reader) -> list[Review]:
    """List the decisions on one image, the oldest first."""
    with resources(request).catalog.read() as s:
        views.output(s, output_id)
        return [Review.model_validate(one) for one in views.reviews_of(s, output_id)]


@router.get("/outputs/{output_id}/picture", response_class=Response, responses={200: PICTURE})
def picture(output_id: int, request: Request, person: Exporter) -> Response:
    """Return the picture as it leaves the house, with its marks; refused where a licence behind it forbids that."""
    known = resources(request)
    with known.catalog.read() as s:
        one, metrics = views.output(s, output_id), views.metric_licences(s)
    demand_purpose(known, [one], metrics)
    marked = known.marker.mark(get_blob(known.store, one.image_sha256), facts_of(one))
    ending = ending_of(marked.data)
    name = f"{ExportOptions().name_of(one, one.subjects[0], 1).replace('/', '-')}.{ending}"
    if not known.catalog.read_only:
        after = {"to": name, "pictures": 1, "metadata": True, "marked": known.marker.settings.on}
        about: dict[str, Any] = {"entity": "export", "entity_id": name, "after": after}
        with known.catalog.write() as s:
            writes.record_audit(s, actor=person.name, action="export", **about)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(marked.data, media_type=f"image/{'jpeg' if ending == 'jpg' else ending}", headers=headers)
