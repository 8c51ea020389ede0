"""Secrets that are shown once and stored as digests, and the token that ties a form to its session."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256


def new_secret() -> str:
    """Generate 256 random bits as URL-safe text."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Hash a secret for storage. Secrets are random and long, so one round of SHA-256 is enough."""
    return sha256(secret.encode()).hexdigest()


def csrf_token(cookie: str) -> str:
    """Derive the form token of a session from its cookie; other sites cannot know it."""
    return hmac.digest(cookie.encode(), b"csrf", "sha256").hex()


def same(given: str, wanted: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode(), wanted.encode())
