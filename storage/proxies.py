"""Which addresses are reached through the proxies of the environment: never this machine itself.

HTTP_PROXY and its kin are for the way out. A proxy that is asked for 127.0.0.1 answers for its own machine, and some
libraries fail on the variables before they look at the address: httpx on socks5:// without an extra package, and on
`[::1]` in NO_PROXY.
"""

from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def through_proxies(url: str) -> bool:
    """Whether a client of `url` may use the environment's proxies; pass it to httpx as `trust_env`."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    return not is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without brackets, is this machine."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_variables(environ: Mapping[str, str]) -> list[str]:
    """The names in `environ` that set or limit proxies, in whichever case they are written."""
    return [name for name in environ if name.lower().endswith("_proxy")]


def spare_loopback(environ: MutableMapping[str, str]) -> None:
    """Add this machine to NO_PROXY, and write the variable so that every library can read it.

    Nothing is changed where no proxy is set.
    """
    names = [name for name in proxy_variables(environ) if environ[name] and name.lower() != "no_proxy"]
    if not names:
        return
    lower = environ.get("no_proxy")  # it wins over the other where both are set, as in Python and curl
    given = (lower if lower is not None else environ.get("NO_PROXY", "")).split(",")
    hosts = [_plain(one) for one in given if one.strip()]
    value = ",".join(dict.fromkeys((*hosts, *_LOOPBACK)))
    environ["NO_PROXY"] = environ["no_proxy"] = value


def _plain(entry: str) -> str:
    """`[::1]` and `[::1]:8080` as `::1`: brackets belong to URLs, and httpx refuses to start with them."""
    entry = entry.strip()
    return entry[1:].partition("]")[0] if entry.startswith("[") else entry
