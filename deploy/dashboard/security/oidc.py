"""Login through an OpenID provider: authorization code with PKCE, and a validated ID token.

Authlib and joserfc implement the protocol; they and Authlib's HTTP client are an extra, imported only here.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from deploy.dashboard.security.oidc_settings import OidcSettings, SettingsError
from deploy.dashboard.security.secrets import same

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client
    from joserfc.jwk import KeySet

SECONDS = 8.0
LEEWAY = 60  # seconds of clock skew allowed
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519")
"""Accepted signatures: by private key only, never "none" or a shared secret, whatever the provider announces."""


class SignOnError(Exception):
    """The login failed at the provider or its response is not valid; the message tells the user what to do."""


@dataclass(frozen=True)
class OidcUser:
    """A user at the provider: `subject` never changes, `name` is for display."""

    issuer: str
    subject: str
    name: str


class Provider:
    """One OpenID provider. Its metadata is fetched once, its keys again when one is unknown."""

    def __init__(self, settings: OidcSettings) -> None:
        if missing := [one for one in ("authlib", "httpx2", "joserfc") if find_spec(one) is None]:
            said = f"DREAMTUNER_DASHBOARD_OIDC_ISSUER is set, but {' and '.join(missing)} is not installed"
            raise SettingsError(f"{said}: pip install 'dreamtuner[oidc]', or unset it")
        self.settings = settings
        self._metadata: Mapping[str, Any] | None = None
        self._keys: KeySet | None = None

    def begin(self, secret: str, redirect_uri: str) -> str:
        """Return the authorization URL. State, nonce and PKCE verifier are derived from `secret`, in the cookie."""
        with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                self._about()["authorization_endpoint"],
                state=derived(secret, "state"),
                code_verifier=derived(secret, "verifier"),
                nonce=derived(secret, "nonce"),
            )
        return str(url)

    def finish(self, secret: str, redirect_uri: str, answer: Mapping[str, str]) -> OidcUser:
        """Return who logged in, from `answer`, the query of the redirect. Raises SignOnError."""
        if not secret or not same(answer.get("state", ""), derived(secret, "state")):
            raise SignOnError("this login was not started in this browser, or it timed out; start again")
        if answer.get("error"):
            raise SignOnError(f"{self.settings.name} rejected the login ({answer['error'][:60]}); start again")
        if answer.get("iss", self.settings.issuer) != self.settings.issuer:
            raise SignOnError("this response comes from another provider; start again")
        return self._validated(self._token(secret, redirect_uri, answer), derived(secret, "nonce"))

    def _token(self, secret: str, redirect_uri: str, answer: Mapping[str, str]) -> Mapping[str, Any]:
        from authlib.common.errors import AuthlibBaseError
        from httpx2 import HTTPError

        code, verifier = answer.get("code", ""), derived(secret, "verifier")
        try:
            with self._client(redirect_uri) as client:
                found: Mapping[str, Any] = client.fetch_token(
                    self._about()["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except AuthlibBaseError as error:
            raise SignOnError(f"{self.settings.name} did not confirm the login ({error.error}); start again") from error
        except (HTTPError, ValueError) as error:
            raise self._unreachable(error) from error
        return found

    def _validated(self, token: Mapping[str, Any], nonce: str) -> OidcUser:
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        params = {"nonce": nonce, "client_id": self.settings.client_id, "access_token": token.get("access_token", "")}
        wanted = {"iss": {"essential": True, "value": self.settings.issuer}}
        wanted |= {"aud": {"essential": True, "value": self.settings.client_id}}
        try:
            header, given = self._decoded(str(token.get("id_token", "")))
            claims = CodeIDToken(given, header, wanted, params)
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError) as error:
            said = f"the identity token from {self.settings.name} is not valid ({error})"
            raise SignOnError(f"{said}; start again, and tell an admin if it happens again") from error
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise SignOnError(f"{self.settings.name} sent no usable user ID; tell an admin")
        names = (claims.get(one) for one in ("preferred_username", "name", "email"))
        return OidcUser(
            self.settings.issuer, subject, next((one for one in names if isinstance(one, str) and one), subject)
        )

    def _decoded(self, id_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError

        for fresh in (False, True):
            try:
                found = jwt.decode(id_token, self._key_set(fresh), algorithms=list(ALGORITHMS))
            except InvalidKeyIdError:
                if fresh:  # not even among freshly fetched keys, which providers rotate
                    raise
            else:
                return found.header, found.claims
        raise AssertionError("the second turn returns or raises")

    def _about(self) -> Mapping[str, Any]:
        if self._metadata is None:
            found = self._get(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.settings.issuer:
                said = f"the provider's issuer is {str(found.get('issuer'))[:100]!r}"
                raise SignOnError(
                    f"{said}, which differs from DREAMTUNER_DASHBOARD_OIDC_ISSUER; an admin has to correct it"
                )
            self._metadata = found
        return self._metadata

    def _key_set(self, fresh: bool) -> KeySet:
        from joserfc.jwk import KeySet

        if self._keys is None or fresh:
            given: Any = self._get(self._about()["jwks_uri"])
            self._keys = KeySet.import_key_set(given)
        return self._keys

    def _get(self, url: str) -> Mapping[str, Any]:
        import httpx2

        try:
            answer = httpx2.get(url, timeout=SECONDS).raise_for_status().json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._unreachable(error) from error
        return answer if isinstance(answer, dict) else {}

    def _client(self, redirect_uri: str) -> OAuth2Client:
        from authlib.integrations.httpx_client import OAuth2Client

        s = self.settings
        how = "client_secret_basic" if s.client_secret else "none"
        return OAuth2Client(
            client_id=s.client_id,
            client_secret=s.client_secret or None,
            token_endpoint_auth_method=how,
            scope="openid profile email",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=SECONDS,
        )

    def _unreachable(self, error: Exception) -> SignOnError:
        return SignOnError(f"{self.settings.name} does not respond ({type(error).__name__}); try again later")


def derived(secret: str, use: str) -> str:
    """Derive from `secret` a value for one `use`, 43 URL-safe characters."""
    return urlsafe_b64encode(hmac.digest(secret.encode(), f"oidc {use}".encode(), "sha256")).decode().rstrip("=")
