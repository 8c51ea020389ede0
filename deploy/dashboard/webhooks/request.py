"""One request of a webhook: to the very address that was checked, never redirected, and cut off after a while."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Sequence
from functools import lru_cache

import httpx

from deploy.dashboard.security.address import Network
from deploy.dashboard.webhooks import signature
from deploy.dashboard.webhooks.addresses import allowed, split
from storage.catalog.records import CatalogError
from storage.catalog.writes import DueDelivery
from storage.sources import SourceError

SECONDS = 15.0
"""For a whole request, from the look-up of the host to the status of the answer."""


async def post(due: DueDelivery, networks: Sequence[Network]) -> tuple[int | None, str | None]:
    """Send a delivery; return the HTTP status and, unless it is 2xx, why it was not delivered."""
    try:
        async with asyncio.timeout(SECONDS):
            return await _post(due, networks)
    except (SourceError, CatalogError) as error:
        return None, str(error)
    except TimeoutError:
        return None, f"no answer within {SECONDS:.0f} s"
    except (httpx.HTTPError, OSError) as error:
        return None, f"{type(error).__name__}: {str(error) or 'no connection'}"


async def _post(due: DueDelivery, networks: Sequence[Network]) -> tuple[int | None, str | None]:
    scheme, host, port = split(due.url)
    address, *_ = await asyncio.to_thread(allowed, scheme, host, port, networks)
    body = body_of(due)
    headers = signature.headers(due.event_id, int(time.time()), body, due.secrets)
    headers |= {"Content-Type": "application/json", "User-Agent": "dreamtuner"}
    target = httpx.URL(due.url)
    headers["Host"] = target.netloc.decode("ascii")
    # no proxy and no cookie: a proxy would look the host up itself
    transport = httpx.AsyncHTTPTransport(verify=_tls(), limits=httpx.Limits(max_keepalive_connections=0))
    async with httpx.AsyncClient(transport=transport, timeout=SECONDS, trust_env=False) as client:
        pinned = target.copy_with(host=address.partition("%")[0])
        more = {"sni_hostname": host}
        # the answer's body is not read: it says nothing that is needed, and may be endless
        async with client.stream("POST", pinned, content=body, headers=headers, extensions=more) as answer:
            if answer.is_success:
                return answer.status_code, None
            if answer.is_redirect:
                return answer.status_code, "it redirects, which is not followed; give the address where it ends"
            return answer.status_code, f"it answered {answer.status_code}"


def body_of(due: DueDelivery) -> bytes:
    """Return the body of a delivery, the same for each of its attempts."""
    at = due.occurred_at.isoformat().replace("+00:00", "Z")
    return json.dumps({"type": due.kind, "timestamp": at, "data": due.data}, separators=(",", ":")).encode()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
