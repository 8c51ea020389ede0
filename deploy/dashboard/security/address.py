"""Where a request comes from: the peer, or, behind proxies that the settings name, the client that they name."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_HOUSEHOLD = 64  # bits: whoever has one IPv6 address has all that share them


def client_address(request: Request, proxies: Sequence[Network]) -> str:
    """The address of the client as text, "" where there is none (a socket of this machine).

    X-Forwarded-For is read from the right, where each proxy adds whom it heard, and only as long as the one who says
    so is a proxy of ours: whatever else a client writes there is its own invention.
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
    """The key under which failures from an address are counted: of IPv6 the network of its household."""
    at = _parsed(address)
    if isinstance(at, IPv6Address):
        return f"address:{ip_network((at, _HOUSEHOLD), strict=False)}"
    return f"address:{address}"


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, by commas: 10.0.0.5, 172.16.0.0/12, fd00::/8. ValueError names what is neither."""
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(one))
        except ValueError as error:
            raise ValueError(f"{one[:60]!r} is neither an address nor a network") from error
    return tuple(found)


def _parsed(text: str) -> Address | None:
    """The address without port, brackets, zone, and the IPv6 form of an IPv4 address; None for anything else."""
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
