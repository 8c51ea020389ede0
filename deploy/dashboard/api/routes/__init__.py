"""One file per resource."""

from fastapi import APIRouter

from deploy.dashboard.api.routes import (
    cells,
    exports,
    me,
    metrics,
    outputs,
    reviews,
    runs,
    specs,
    subjects,
    uploads,
    webhooks,
)

_RESOURCES = (me, subjects, uploads, specs, runs, cells, outputs, reviews, exports, metrics, webhooks)
routers: tuple[APIRouter, ...] = tuple(one.router for one in _RESOURCES)
