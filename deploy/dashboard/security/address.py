"""Client addresses: the peer, or behind trusted proxies the client that they report."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_HOUSEHOLD = 64  # bits of an IPv6 prefix that usually belongs to one household


def client_address(request: Request, proxies: Sequence[Network]) -> str:
    """Return the client's address as text, "" if it has none (a local socket).

    X-Forwarded-For is read from the right, where each proxy appends its peer, and only as long as the reporting peer is
    a trusted proxy: anything further left may be forged by the client.
    """
    at = _parsed(request.client.host if request.client else "")
    said = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while at is not None and said and any(at.version == one.version and at in one for one in proxies):
        before = _parsed(said.pop())
        if before is None:
            break
        at = before
    return "" if at is None else str(at)


def throttle_key(address: str) -> str:
    """Return the key under which failures of an address are counted; for IPv6, its /64 network."""
    at = _parsed(address)
    if isinstance(at, IPv6Address):
        return f"address:{ip_network((at, _HOUSEHOLD), strict=False)}"
    return f"address:{address}"


def networks(text: str) -> tuple[Network, ...]:
    """Parse comma-separated addresses and networks: 10.0.0.5, 172.16.0.0/12, fd00::/8. Raises ValueError for others."""
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(one))
        except ValueError as error:
            raise ValueError(f"{one[:60]!r} is neither an address nor a network") from error
    return tuple(found)


def _parsed(text: str) -> Address | None:
    """Parse an address, dropping port, brackets and zone, and unmapping IPv4-mapped IPv6; None for anything else."""
    plain = text.strip()
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        at = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    return at.ipv4_mapped or at if isinstance(at, IPv6Address) else at
