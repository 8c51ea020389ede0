"""One file per page, each with a `router` whose routes declare by `Needs` who may use them."""

from fastapi import APIRouter

from deploy.dashboard.routes import flows, home, inspect, media, metrics, runs, webhooks
from deploy.dashboard.routes.ordering import files, order, presets, schedules
from deploy.dashboard.routes.people import account, audit, login, sign_on, users
from deploy.dashboard.routes.projects import client, links, projects
from deploy.dashboard.routes.review import (
    bulk,
    compare,
    decisions,
    export,
    gallery,
    gathered,
    grid,
    output,
    review,
    splits,
    stacks,
    triage,
)
from deploy.dashboard.routes.subjects import annotations, detection, forget, masks, subjects

_LOOK = (home, inspect, runs, media, metrics, gallery, output, compare, grid, subjects)
_ACT = (review, splits, triage, gathered, decisions, stacks, bulk, export, masks, annotations, detection, forget, flows)
_ORDER = (order, files, presets, schedules)
_PEOPLE = (login, sign_on, account, users, audit, webhooks)
_PROJECTS = (projects, links, client)
routers: tuple[APIRouter, ...] = tuple(page.router for page in (*_LOOK, *_ACT, *_ORDER, *_PEOPLE, *_PROJECTS))
