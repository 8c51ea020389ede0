"""Settings of the OpenID provider for single sign-on, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, cast
from urllib.parse import urlsplit

from storage.catalog.records import ROLES, Role

_NAME = "DREAMTUNER_DASHBOARD_OIDC_"
_LOCAL = ("127.0.0.1", "localhost", "::1")


class SettingsError(ValueError):
    """A variable has an invalid value; the message names it and the remedy."""


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """Fields and the environment variables they are read from.

    Attributes:
        issuer: DREAMTUNER_DASHBOARD_OIDC_ISSUER, the provider's issuer, an https:// URL.
        client_id: DREAMTUNER_DASHBOARD_OIDC_CLIENT_ID, the client ID of this dashboard at the provider.
        client_secret: DREAMTUNER_DASHBOARD_OIDC_CLIENT_SECRET; empty for a public client. Stays on the server.
        name: DREAMTUNER_DASHBOARD_OIDC_NAME, the label of the login button; default the issuer's host.
        role: DREAMTUNER_DASHBOARD_OIDC_ROLE, the role of new users, viewer, reviewer or operator; default viewer.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = ""
    role: Role = "viewer"

    @classmethod
    def load(cls, env: Mapping[str, str]) -> Self | None:
        """Read the variables; None if no issuer is set. Raises SettingsError."""
        issuer = env.get(f"{_NAME}ISSUER") or ""
        if not issuer:
            return None
        parts = urlsplit(issuer)
        if not parts.hostname or (parts.scheme != "https" and parts.hostname not in _LOCAL):
            raise SettingsError(f"{_NAME}ISSUER: {issuer!r} is not an https:// address; correct or unset it")
        client_id = env.get(f"{_NAME}CLIENT_ID") or ""
        if not client_id:
            raise SettingsError(f"{_NAME}CLIENT_ID: empty; set the client ID that the provider gave this dashboard")
        role = env.get(f"{_NAME}ROLE") or "viewer"
        if role not in ROLES or role == "admin":
            raise SettingsError(f"{_NAME}ROLE: {role!r} is not viewer, reviewer or operator; correct or unset it")
        return cls(
            issuer=issuer,
            client_id=client_id,
            client_secret=env.get(f"{_NAME}CLIENT_SECRET") or "",
            name=env.get(f"{_NAME}NAME") or parts.hostname,
            role=cast(Role, role),
        )
