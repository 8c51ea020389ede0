"""Sources on the web. To prevent server-side request forgery, this connects only to the very address that was checked,
for every redirect."""

import ssl
import time

import httpx

from storage.redaction import redact_url
from storage.sources import SourceBusyError, SourceError, too_large
from storage.sources.addresses import resolve
from storage.sources.http_retry import BUSY, retry_transient, seconds_after

TOTAL_SECONDS = 60.0  # for the body of each hop; a server that drips bytes is cut off
_TIMEOUT = httpx.Timeout(10.0)  # seconds to connect, and between two packets
_REDIRECTS = 5
_ADDRESSES = 3  # attempted per host, in the resolver's order
_HEADERS = {"User-Agent": "dreamtuner", "Accept": "image/*, */*;q=0.1", "Accept-Encoding": "identity"}


class PinnedTransport(httpx.BaseTransport):
    """Resolves a host once, checks all its addresses, and connects to one of those.

    The Host header and the certificate's name are those of the URL. Connections are not reused: one to the same address
    might have been opened, and its certificate checked, for another name.
    """

    def __init__(self, *, allow_private: bool, tls: ssl.SSLContext | None = None) -> None:
        self._allow_private = allow_private
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.HTTPTransport(verify=True if tls is None else tls, limits=limits)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to a checked address. Raises SourceError for forbidden addresses, else httpx's errors."""
        host = request.url.raw_host.decode("ascii").strip("[]")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        failure: httpx.TransportError | None = None
        for address in resolve(host, port, allow_private=self._allow_private)[:_ADDRESSES]:
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return self._inner.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or httpx.ConnectError("no address")

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def fetch(url: str, *, max_bytes: int, allow_private: bool, tls: ssl.SSLContext | None = None) -> bytes:
    """Fetch the body at `url`, at most `max_bytes`, following up to five redirects. Raises SourceError.

    Busy servers, lost connections and timeouts are retried a few times. Proxies of the environment are not used: they
    would resolve the host themselves. `tls` replaces the trusted authorities.
    """
    shown = _shown(url)
    try:
        return retry_transient(lambda: _once(url, shown, max_bytes, allow_private, tls))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise SourceError(f"{shown} cannot be read: {reason}; check the URL, or download the file") from error


def _once(url: str, shown: str, max_bytes: int, allow_private: bool, tls: ssl.SSLContext | None) -> bytes:
    target = httpx.URL(url)
    for _ in range(_REDIRECTS + 1):
        _check(target, allow_private)
        transport = PinnedTransport(allow_private=allow_private, tls=tls)
        client = httpx.Client(transport=transport, timeout=_TIMEOUT, headers=_HEADERS, trust_env=False)
        with client, client.stream("GET", target) as response:
            if not response.has_redirect_location:
                return _body(response, shown, max_bytes)
            target = target.join(response.headers["Location"])
    raise SourceError(f"{shown} redirects more than {_REDIRECTS} times; give the final URL")


def _check(url: httpx.URL, allow_private: bool) -> None:
    schemes = ("https", "http") if allow_private else ("https",)
    if url.scheme not in schemes:
        raise SourceError(
            f"{_shown(str(url))} is not allowed: only https:// is supported; use https, or download the file"
        )
    if url.userinfo:
        raise SourceError(
            f"{_shown(str(url))} contains a user name or password; use a presigned URL, or download the file"
        )
    if not url.host:
        raise SourceError(f"{_shown(str(url))} names no host; correct the URL")


def _body(response: httpx.Response, shown: str, max_bytes: int) -> bytes:
    if response.status_code != 200:
        answer = f"{shown} answers {response.status_code} {response.reason_phrase}"
        if response.status_code in BUSY:
            after = seconds_after(response.headers.get("Retry-After"))
            later = "try again later" if after is None else f"wait {after:.0f} s as it requests"
            raise SourceBusyError(
                f"{answer}: the server is busy; {later}, or download the file and give its path", after
            )
        raise SourceError(f"{answer}; check that it is public")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError(f"{shown} comes compressed, though that was declined; download the file and give its path")
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large(shown, max_bytes)
    deadline = time.monotonic() + TOTAL_SECONDS
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > max_bytes:
            raise too_large(shown, max_bytes)
        if time.monotonic() > deadline:
            raise SourceError(f"{shown} did not arrive within {TOTAL_SECONDS:.0f} s; download it and give its path")
    return bytes(data)


def _shown(url: str) -> str:
    """Redact the URL and shorten it for messages."""
    return redact_url(url)[:200]
