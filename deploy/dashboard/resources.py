"""What the application opens once: catalog, store, settings, Prefect's client, the OpenID provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from deploy.dashboard.prefect_api import PrefectApi
from deploy.dashboard.security.address import client_address
from deploy.dashboard.security.oidc import Provider
from deploy.dashboard.settings import Settings
from storage.catalog import Catalog
from storage.objects import ObjectStore


@dataclass(frozen=True)
class Resources:
    """Open for as long as the application runs; safe to use from any thread."""

    settings: Settings
    catalog: Catalog
    store: ObjectStore
    prefect: PrefectApi
    provider: Provider | None


def resources(request: Request) -> Resources:
    """Those of the application that serves the request."""
    return cast(Resources, request.app.state.resources)


def address_of(request: Request) -> str:
    """Where the request comes from, behind the proxies that the settings name; "" for a socket of this machine."""
    return client_address(request, resources(request).settings.proxies)
