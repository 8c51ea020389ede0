"""Resources that the application opens once: catalog, store, settings, Prefect client, OpenID provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TypeVar, cast

from starlette.requests import Request

from deploy.dashboard.prefect_api import PrefectApi
from deploy.dashboard.security.address import client_address
from deploy.dashboard.security.oidc import Provider
from deploy.dashboard.settings import Settings
from deploy.marks.marker import Marker
from deploy.marks.settings import MarkSettings
from storage.catalog import Catalog
from storage.catalog.narrowing import Viewer
from storage.objects import ObjectStore

T = TypeVar("T")
MOST_SHARED = 200
_SHARING = Lock()


@dataclass(frozen=True)
class Resources:
    """Resources that stay open while the application runs; safe to use from any thread.

    `whole`: those that these were narrowed from, for one person; None: these see everything.
    """

    settings: Settings
    catalog: Catalog
    store: ObjectStore
    prefect: PrefectApi
    provider: Provider | None
    whole: Resources | None = None
    shared: dict[tuple[str, Viewer | None], object] = field(default_factory=dict)

    def seen_by(self, viewer: Viewer | None) -> Resources:
        """Return the same resources with the catalog as this person sees it."""
        if viewer is None:
            return self
        return replace(self, catalog=self.catalog.seen_by(viewer), whole=self.whole or self)

    @cached_property
    def mark_settings(self) -> MarkSettings:
        """Return the settings of marks. Raises MarksError."""
        if self.whole is not None:
            return self.whole.mark_settings
        return MarkSettings.load(self.settings.home or Path(".dreamtuner").absolute())

    @cached_property
    def marker(self) -> Marker:
        """Return what marks pictures that leave; ready to. Raises MarksError, KeysError."""
        if self.whole is not None:
            return self.whole.marker
        marker = Marker(self.mark_settings)
        marker.prepare()
        return marker

    def takes_orders(self, deployment: str) -> bool:
        """Return whether runs of a deployment can be ordered: a Prefect server is configured and it is allowed."""
        return bool(self.settings.prefect_api) and deployment in self.prefect.allowed


def resources(request: Request) -> Resources:
    """Return the resources of the application, with the catalog as the person of the request sees it.

    `Needs` finds out who that is, and in which projects they may do what the route does. So every page is narrowed, and
    none has to think of it.
    """
    known = cast(Resources, request.app.state.resources)
    return known.seen_by(getattr(request.state, "viewer", None))


def everything(request: Request) -> Resources:
    """Return the resources that see all projects, for what tells nobody about them."""
    return cast(Resources, request.app.state.resources)


def shared(request: Request, name: str, make: Callable[[Catalog], T]) -> T:
    """Return what `make` made of the catalog: once for all who see everything, and once for each of the others.

    The MOST_SHARED that were used last are kept.
    """
    catalog, kept = resources(request).catalog, everything(request).shared
    with _SHARING:
        key = (name, catalog.viewer)
        found = kept.pop(key) if key in kept else make(catalog)
        kept[key] = found  # the newest is the last
        if len(kept) > MOST_SHARED:
            kept.pop(next(iter(kept)))
    return cast(T, found)


def address_of(request: Request) -> str:
    """Return the client's address, behind the trusted proxies of the settings; "" for a local socket."""
    return client_address(request, resources(request).settings.proxies)
