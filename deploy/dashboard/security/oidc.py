"""Coming in by an OpenID provider: authorization code with PKCE, and an ID token that is believed after checks only.

Authlib and joserfc do the protocol; they are an extra, as is the HTTP client of Authlib, and imported here alone.
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
LEEWAY = 60  # seconds that the two clocks may be apart
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519")
"""Signatures by the provider's private key. "none" and shared secrets are not among them, whatever it announces."""


class SignOnError(Exception):
    """The provider, or what it says, is not to be believed; the message is for people and says what to do."""


@dataclass(frozen=True)
class OidcUser:
    """Somebody whom the provider knows: `subject` never changes, `name` is for people."""

    issuer: str
    subject: str
    name: str


class Provider:
    """One OpenID provider. What it says of itself is asked for once, its keys again when one is unknown."""

    def __init__(self, settings: OidcSettings) -> None:
        if missing := [one for one in ("authlib", "httpx2", "joserfc") if find_spec(one) is None]:
            said = (
                f"DREAMTUNER_DASHBOARD_OIDC_ISSUER is set, and without {' and '.join(missing)} nobody can come in by it"
            )
            raise SettingsError(f"{said}: pip install 'dreamtuner[oidc]', or unset it")
        self.settings = settings
        self._metadata: Mapping[str, Any] | None = None
        self._keys: KeySet | None = None

    def begin(self, secret: str, redirect_uri: str) -> str:
        """Where the browser goes. State, nonce and PKCE verifier come from `secret`, which its cookie holds."""
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
            raise SignOnError("this login was not begun in this browser, or too long ago; begin it again")
        if answer.get("error"):
            raise SignOnError(f"{self.settings.name} let nobody in ({answer['error'][:60]}); begin again")
        if answer.get("iss", self.settings.issuer) != self.settings.issuer:
            raise SignOnError("this answer comes from another provider; begin again")
        return self._believed(self._token(secret, redirect_uri, answer), derived(secret, "nonce"))

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
            raise SignOnError(f"{self.settings.name} did not confirm the login ({error.error}); begin again") from error
        except (HTTPError, ValueError) as error:
            raise self._away(error) from error
        return found

    def _believed(self, token: Mapping[str, Any], nonce: str) -> OidcUser:
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
            said = f"what {self.settings.name} says of you does not pass the checks ({error})"
            raise SignOnError(f"{said}; begin again, and tell an admin if it stays so") from error
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise SignOnError(f"{self.settings.name} does not say who you are; tell an admin")
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
                if fresh:  # a provider changes its keys now and then: they were asked for anew
                    raise
            else:
                return found.header, found.claims
        raise AssertionError("the second turn returns or raises")

    def _about(self) -> Mapping[str, Any]:
        if self._metadata is None:
            found = self._get(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.settings.issuer:
                said = f"the provider calls itself {str(found.get('issuer'))[:100]!r}"
                raise SignOnError(f"{said}, not as DREAMTUNER_DASHBOARD_OIDC_ISSUER says; an admin has to correct it")
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
            raise self._away(error) from error
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

    def _away(self, error: Exception) -> SignOnError:
        return SignOnError(f"{self.settings.name} does not answer ({type(error).__name__}); try again in a while")


def derived(secret: str, use: str) -> str:
    """A value for one use that only the holder of `secret` can tell, 43 URL-safe characters."""
    return urlsafe_b64encode(hmac.digest(secret.encode(), f"oidc {use}".encode(), "sha256")).decode().rstrip("=")
