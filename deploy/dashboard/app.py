"""The web application, created from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles

from deploy.dashboard.access.bodies import LimitedBodies
from deploy.dashboard.api.app import create_api
from deploy.dashboard.errors import handlers
from deploy.dashboard.pages import STATIC, templates
from deploy.dashboard.prefect_api import PrefectApi
from deploy.dashboard.preview_cache import PreviewCache
from deploy.dashboard.resources import Resources
from deploy.dashboard.routes import routers
from deploy.dashboard.security.headers import SecureHeaders
from deploy.dashboard.security.oidc import Provider
from deploy.dashboard.security.problems import API
from deploy.dashboard.settings import Settings
from deploy.dashboard.webhooks.sender import sending
from storage.catalog import Catalog
from storage.objects import open_store


def create_app(settings: Settings) -> FastAPI:
    """Create the dashboard for the catalog and store of the settings, which are opened at startup.

    Raises SettingsError if a setting requires a package that is not installed.
    """
    provider = None if settings.oidc is None else Provider(settings.oidc)

    api = create_api(settings.max_upload)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        prefect = PrefectApi(settings)
        with Catalog.open(settings.catalog_url) as catalog:
            known = Resources(settings, catalog, open_store(settings.store_url), prefect, provider)
            app.state.resources = api.state.resources = known
            async with sending(known):
                yield
        prefect.close()

    # FastAPI's own documentation pages load scripts from other hosts
    app = FastAPI(title="DreamTuner", docs_url=None, redoc_url=None, openapi_url=None, lifespan=running)
    app.state.templates, app.state.previews = templates(), PreviewCache()
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    app.add_middleware(LimitedBodies, routes=routes, max_upload=settings.max_upload, elsewhere=(f"{API}/",))
    app.add_middleware(SecureHeaders, origin=settings.origin)
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    for router in routers:
        app.include_router(router)
    app.mount(API, api)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
