"""Security headers of every response, and the hosts that are served."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.dashboard.security.problems import API, problem

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
LONGEST_PATH, LONGEST_QUERY = 1000, 8000  # characters
LOCAL = ("127.0.0.1", "localhost", "::1", "[::1]")
ANY_HOST = ("/metrics",)
"""Paths that are served under every name: a token opens them, which no page of another site has."""


class SecureHeaders:
    """ASGI middleware that sets security headers and rejects unknown hosts, which prevents DNS rebinding."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self.app = app
        self.origin = origin
        self.hosts = {*LOCAL, *([urlsplit(origin).hostname or ""] if origin else [])}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
                if self.origin.startswith("https://"):
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        host = urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or ""
        if host not in self.hosts and scope["path"] not in ANY_HOST:
            said = f"host {host!r} is not served here; use 127.0.0.1, or set DREAMTUNER_DASHBOARD_ORIGIN"
            await _refusal(scope["path"], said, 400)(scope, receive, secured)
            return
        if len(scope["path"]) > LONGEST_PATH or len(scope["query_string"]) > LONGEST_QUERY:
            await _refusal(scope["path"], "this address is too long; shorten it", 414)(scope, receive, secured)
            return
        await self.app(scope, receive, secured)


def _refusal(path: str, said: str, status: int) -> Response:
    return problem(status, said) if path.startswith(f"{API}/") else PlainTextResponse(said, status)
