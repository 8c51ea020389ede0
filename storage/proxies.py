"""Proxies of the environment are never used for this machine itself.

A proxy would resolve 127.0.0.1 to its own machine, and some libraries fail on the variables regardless of the address:
httpx on socks5:// without an extra package, and on `[::1]` in NO_PROXY.
"""

from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def through_proxies(url: str) -> bool:
    """Return whether a client of `url` may use the environment's proxies; pass it to httpx as `trust_env`."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    return not is_loopback(host)


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address without brackets, is this machine."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_variables(environ: Mapping[str, str]) -> list[str]:
    """List the names in `environ` that set or limit proxies, in any case."""
    return [name for name in environ if name.lower().endswith("_proxy")]


def spare_loopback(environ: MutableMapping[str, str]) -> None:
    """Add this machine to NO_PROXY, in a form that every library can read; does nothing if no proxy is set."""
    names = [name for name in proxy_variables(environ) if environ[name] and name.lower() != "no_proxy"]
    if not names:
        return
    lower = environ.get("no_proxy")  # it takes precedence if both are set, as in Python and curl
    given = (lower if lower is not None else environ.get("NO_PROXY", "")).split(",")
    hosts = [_plain(one) for one in given if one.strip()]
    value = ",".join(dict.fromkeys((*hosts, *_LOOPBACK)))
    environ["NO_PROXY"] = environ["no_proxy"] = value


def _plain(entry: str) -> str:
    """Strip brackets and port from `[::1]:8080`, as httpx fails on them."""
    entry = entry.strip()
    return entry[1:].partition("]")[0] if entry.startswith("[") else entry
