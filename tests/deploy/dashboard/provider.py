"""A small OpenID provider that runs: discovery, keys, authorization code with PKCE, signed ID tokens.

It lets in whoever `who` names without a question, and can be told to lie.
"""

import base64
import hashlib
import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from starlette.responses import JSONResponse, RedirectResponse, Response

from deploy.dashboard.security.oidc import ALGORITHMS
from tests.deploy.dashboard.served import listening

CLIENT, SECRET = "dashboard", "the dashboard's own secret, long enough"


@dataclass
class Provider:
    """Its address, whom it lets in, and how it lies: `twist` changes the claims, `sign` the way they are signed."""

    issuer: str
    who: dict[str, str] = field(default_factory=dict)
    twist: Callable[[dict[str, Any]], None] = lambda claims: None
    sign: Callable[["Provider", dict[str, Any]], str] | None = None
    announced: str | None = None
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "1"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def honest(self, sub: str, name: str) -> None:
        """From now on it lets in this one, and does not lie."""
        self.who = {"sub": sub, "preferred_username": name}
        self.twist, self.sign, self.announced = (lambda claims: None), None, None


def signed(provider: Provider, claims: dict[str, Any]) -> str:
    """As it should be."""
    return jwt.encode({"alg": "ES256", "kid": provider.key.kid}, claims, provider.key)


def with_the_clients_secret(provider: Provider, claims: dict[str, Any]) -> str:
    """As anybody could who knows the secret."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def unsigned(provider: Provider, claims: dict[str, Any]) -> str:
    """By nobody."""
    parts = (
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in ({"alg": "none"}, claims)
    )
    return ".".join((*parts, ""))


def with_another_key(provider: Provider, claims: dict[str, Any]) -> str:
    """By somebody else who says the key's name."""
    return jwt.encode({"alg": "ES256", "kid": provider.key.kid}, claims, ECKey.generate_key("P-256"))


def application(provider: Provider) -> FastAPI:
    """Its four routes."""
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    def about() -> dict[str, Any]:
        provider.asked.append("about")
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        found: dict[str, Any] = {name: f"{provider.issuer}/{path}" for name, path in paths.items()}
        return found | {
            "issuer": provider.announced or provider.issuer,
            "id_token_signing_alg_values_supported": [*ALGORITHMS, "HS256", "none"],
        }

    @app.get("/keys")
    def keys() -> dict[str, Any]:
        provider.asked.append("keys")
        return {"keys": [provider.key.as_dict(private=False)]}

    @app.get("/authorize")
    def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        if asked["client_id"] != CLIENT or asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe()
        provider.codes[code] = asked
        back = f"{asked['redirect_uri']}?code={code}&state={asked['state']}"
        return RedirectResponse(back, 302)

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        form = await request.form()
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = provider.codes.pop(str(form.get("code")), None)
        hashed = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).decode().rstrip("=")
        if request.headers.get("authorization") != wanted:
            return JSONResponse({"error": "invalid_client"}, 401)
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"] or challenge != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims: dict[str, Any] = {"iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 60}
        claims |= {"nonce": asked["nonce"], **provider.who}
        provider.twist(claims)
        id_token = (provider.sign or signed)(provider, claims)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": id_token})

    return app


@contextmanager
def provider_at() -> Iterator[Provider]:
    """One on this machine; a browser takes "localhost" for another site than 127.0.0.1."""
    with socket.socket(proto=socket.IPPROTO_TCP) as door:
        door.bind(("127.0.0.1", 0))
        provider = Provider(f"http://localhost:{door.getsockname()[1]}")
        with listening(door, application(provider)):
            yield provider
