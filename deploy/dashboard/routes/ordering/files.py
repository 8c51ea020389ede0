"""What an order's table of subjects has wrong, as a file to work through; and an empty table to begin with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from deploy.dashboard.access.rights import Needs, Person
from deploy.dashboard.ordering.feeds import CSV, read_uploaded
from deploy.dashboard.resources import resources
from flows.spec.feed import faults_csv
from flows.spec.feed_table import COLUMNS
from storage.catalog.records import NotInCatalogError
from storage.sources import SourceError, object_place

router = APIRouter()
Operator = Annotated[Person, Depends(Needs("operator"))]
EXAMPLES = (
    "pip,bear,natural,https://pictures.example.org/pip.jpg,,,",
    "momo,rabbit,anime,s3://shop/momo.png,s3://shop/momo-mask.png,,",
)


@router.get("/orders/tables/{sha256}/faults.csv")
def faults(sha256: str, request: Request, _: Operator) -> Response:
    """Return every fault of an uploaded table, a row each."""
    try:
        found = read_uploaded(resources(request), object_place(sha256)).faults
    except SourceError as error:
        raise NotInCatalogError(str(error)) from error
    return _csv(faults_csv(found), "faults.csv")


@router.get("/orders/tables/example.csv")
def example(_: Operator) -> Response:
    """Return a table of two subjects, with all columns."""
    return _csv("\ufeff" + "\r\n".join((",".join(COLUMNS), *EXAMPLES, "")), "subjects.csv")


def _csv(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{CSV}; charset=utf-8", headers=headers)
