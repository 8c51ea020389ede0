"""Pages of a list: rows, and the cursor that goes on after the last one."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")
MOST = 200
Cursor = Annotated[str | None, Query(max_length=400, description="the `next` of the page before; none: from the start")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="how many rows at the most")]


class Listed(BaseModel, Generic[T]):
    """A page. `next`: the cursor of the next one, also in the Link header; null: this was the last page."""

    items: list[T]
    next: str | None


def listed(request: Request, response: Response, items: list[T], next: str | None) -> Listed[T]:
    """Return a page, with a Link header to the next one."""
    if next is not None:
        others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<{request.url.path}?{urlencode([*others, ("cursor", next)])}>; rel="next"'
    return Listed(items=items, next=next)
