"""The addresses that webhooks may have: public ones over https, and those of networks that the settings allow."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from deploy.dashboard.security.address import Network
from storage.catalog.records import CatalogError
from storage.sources import SourceError
from storage.sources.addresses import is_public, resolve

PORTS = {"https": 443, "http": 80}


def demand_address(url: str, networks: Sequence[Network]) -> None:
    """Raise CatalogError unless a webhook may have this address now. A host that is not found may be there later."""
    scheme, host, port = split(url)
    try:
        allowed(scheme, host, port, networks)
    except NotFoundError:
        return
    except SourceError as error:
        raise CatalogError(f"url: {error}") from error


class NotFoundError(SourceError):
    """The host has no address."""


def split(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port. Raises CatalogError for what is no plain http address."""
    try:
        parts = urlsplit(url)
        httpx.URL(url)
        host, port = parts.hostname or "", parts.port
    except (ValueError, httpx.InvalidURL):
        raise CatalogError(f"url: {url[:60]!r} is no address; give one such as https://team.example/hooks") from None
    if parts.scheme not in PORTS or not host or any(c.isspace() or not c.isprintable() for c in url):
        raise CatalogError(f"url: {url[:60]!r} is no address; give one such as https://team.example/hooks")
    if parts.username is not None or parts.password is not None:
        raise CatalogError("url: it holds a user or password; take them out: requests are signed instead")
    if parts.fragment:
        raise CatalogError("url: it has a fragment, which is never sent; take it out")
    return parts.scheme, host, port or PORTS[parts.scheme]


def allowed(scheme: str, host: str, port: int, networks: Sequence[Network]) -> list[str]:
    """Resolve a host and return its addresses, to which alone to connect: a second look-up may say another thing.

    Raises SourceError if one is neither public nor in the networks, or if it is public and the scheme is http;
    NotFoundError if there is none.
    """
    try:
        socket.inet_aton(host)
    except OSError:
        pass
    else:
        if not _is_address(host):  # 127.1, 0x7f000001: what resolvers read as one
            raise SourceError(f"host {host!r} is an unusual way to write an address; write it in full")
    try:
        found = resolve(host, port, allow_private=True)
    except SourceError as error:
        raise NotFoundError(str(error)) from error
    for address in found:
        at = ip_address(address.partition("%")[0])
        ours = any(at.version == one.version and at in one for one in networks)
        if not ours and not is_public(address):
            remedy = "use a public one, or allow its network by DREAMTUNER_DASHBOARD_WEBHOOK_NETWORKS"
            raise SourceError(f"host {host!r} is at {address}, a private or local address; {remedy}")
        if not ours and scheme != "https":
            raise SourceError("http is for networks that the settings allow; use https")
    return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
