"""One page, one file: each has a `router` whose every route says by `Needs` who may use it."""

from fastapi import APIRouter

from deploy.dashboard.routes import (
    account,
    audit,
    bulk,
    compare,
    export,
    flows,
    forget,
    gallery,
    grid,
    home,
    login,
    masks,
    media,
    output,
    review,
    runs,
    sign_on,
    subjects,
    users,
)

_LOOK = (home, runs, media, gallery, output, compare, grid, subjects, masks)
_ACT = (review, bulk, export, forget, flows)
_PEOPLE = (login, sign_on, account, users, audit)
routers: tuple[APIRouter, ...] = tuple(page.router for page in (*_LOOK, *_ACT, *_PEOPLE))
