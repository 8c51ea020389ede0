"""Serve the dashboard: `python -m deploy.dashboard.serve`, or `dreamtuner dashboard`."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable

import uvicorn

from deploy.dashboard.access.first_start import admin_link
from deploy.dashboard.app import create_app
from deploy.dashboard.settings import Settings
from storage.catalog import Catalog
from storage.catalog.owners import this_owner
from storage.logs import log_as_json
from storage.objects import open_store

PORT = 8265


class ListenError(Exception):
    """Raised where host and port cannot be listened on; says why, and the remedy."""


def serve(settings: Settings, *, host: str = "127.0.0.1", port: int = PORT, say: Callable[[str], None] = print) -> None:
    """Serve until a signal. `say` receives the address and, until an admin has a password, a link that sets one.

    `port` 0 takes any free one. Raises ListenError if the port is taken or the host is not this machine's, and
    StoreError for an invalid store URL.
    """
    open_store(settings.store_url)  # an invalid store URL fails here, before the address is printed
    # asyncio sets TCP_NODELAY only on sockets created with IPPROTO_TCP; otherwise every response waits 40 ms for an ACK
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise ListenError(f"--host {host} --port {port}: {why}; choose another host or port") from error
        shown = settings.origin or f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{door.getsockname()[1]}"
        with Catalog.open(settings.catalog_url) as catalog:
            link = admin_link(catalog)
        say(f"dashboard: {shown}")
        if link is not None:
            say(f"first login, once, within a day: {shown}{link}")
        config = uvicorn.Config(
            create_app(settings),
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )
        if settings.log == "json":
            log_as_json(this_owner())
        uvicorn.Server(config).run(sockets=[door])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve the dashboard.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args()
    serve(Settings.load(), host=given.host, port=given.port)
