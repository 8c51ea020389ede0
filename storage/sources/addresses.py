"""The network addresses that a user's URL may resolve to."""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from storage.sources import SourceBusyError, SourceError

_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291: all that is routed on the Internet today
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


def is_public(address: str) -> bool:
    """Return whether `address` (IPv4 or IPv6 text) is public: not private, loopback, link-local, shared, multicast,
    reserved, nor an IPv6 form of an IPv4 address that is."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not ip.is_reserved
    inner = _inner(ip)
    if inner is not None:
        return is_public(str(inner))  # releases of Python differ in whether 6to4 is global
    return ip in _GLOBAL_UNICAST and ip.is_global


def _inner(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address embedded in a mapped, translated or 6to4 address."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def resolve(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Resolve `host`, in the resolver's order. Raises SourceError if there are no addresses, or one is not public.

    One private address among public ones rejects the host. Connect to these addresses, never to the name: a second
    look-up may give another result.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        kind = (
            SourceBusyError if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN else SourceError
        )
        raise kind(f"host {host!r} is not found: {error}; correct the URL or check the network") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not allow_private and not is_public(address):
            raise SourceError(
                f"host {host!r} resolves to {address}, a private or local network address, which is not allowed; "
                "download the file and give its path, or allow private addresses in the settings"
            )
    if not addresses:
        raise SourceError(f"host {host!r} has no address; correct the URL")
    return addresses
