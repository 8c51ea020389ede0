"""Outputs: list, look at one, fetch its picture as it leaves."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from starlette.requests import Request

from deploy.dashboard.api.listed import Limit, Listed, listed
from deploy.dashboard.api.models.outputs import Output, OutputFilter, OutputRow, Review
from deploy.dashboard.api.rights import Exporter, Reader
from deploy.dashboard.api.route import router as routes
from deploy.dashboard.api.seen import run_of
from deploy.dashboard.resources import resources
from deploy.dashboard.routes.review.output import leaving
from storage.catalog import views

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
    return leaving(resources(request), output_id, person.name)
