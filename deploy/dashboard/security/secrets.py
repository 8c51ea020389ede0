"""Secrets that are handed out once, kept as digests, and the token that ties a form to its session."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256


def new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What the catalog keeps. The secrets are random and long, so one round of SHA-256 is enough."""
    return sha256(secret.encode()).hexdigest()


def csrf_token(cookie: str) -> str:
    """The token that forms of the session carry: only who reads the page of this cookie's holder can know it."""
    return hmac.digest(cookie.encode(), b"csrf", "sha256").hex()


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())
