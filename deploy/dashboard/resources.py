"""Resources that the application opens once: catalog, store, settings, Prefect client, OpenID provider."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from starlette.requests import Request

from deploy.dashboard.prefect_api import PrefectApi
from deploy.dashboard.security.address import client_address
from deploy.dashboard.security.oidc import Provider
from deploy.dashboard.settings import Settings
from deploy.marks.marker import Marker
from deploy.marks.settings import MarkSettings
from storage.catalog import Catalog
from storage.objects import ObjectStore


@dataclass(frozen=True)
class Resources:
    """Resources that stay open while the application runs; safe to use from any thread."""

    settings: Settings
    catalog: Catalog
    store: ObjectStore
    prefect: PrefectApi
    provider: Provider | None

    @cached_property
    def mark_settings(self) -> MarkSettings:
        """Return the settings of marks. Raises MarksError."""
        return MarkSettings.load(self.settings.home or Path(".dreamtuner").absolute())

    @cached_property
    def marker(self) -> Marker:
        """Return what marks pictures that leave; ready to. Raises MarksError, KeysError."""
        marker = Marker(self.mark_settings)
        marker.prepare()
        return marker

    def takes_orders(self, deployment: str) -> bool:
        """Return whether runs of a deployment can be ordered: a Prefect server is configured and it is allowed."""
        return bool(self.settings.prefect_api) and deployment in self.prefect.allowed


def resources(request: Request) -> Resources:
    """Return the resources of the application that serves the request."""
    return cast(Resources, request.app.state.resources)


def address_of(request: Request) -> str:
    """Return the client's address, behind the trusted proxies of the settings; "" for a local socket."""
    return client_address(request, resources(request).settings.proxies)
