"""One page, one file: each has a `router` whose every route says by `Needs` who may use it."""

from fastapi import APIRouter

from deploy.dashboard.routes import (
    account,
    audit,
    bulk,
    compare,
    export,
    flows,
    gallery,
    grid,
    home,
    login,
    media,
    output,
    review,
    subjects,
    users,
)

_PAGES = (login, home, media, gallery, output, review, compare, grid, subjects, bulk, export, flows, audit, users)
routers: tuple[APIRouter, ...] = tuple(page.router for page in (*_PAGES, account))
