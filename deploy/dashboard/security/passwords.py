"""Passwords by argon2id; a few at a time, because each takes memory and a core for a while."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

MIN_LENGTH, MAX_LENGTH = 12, 1000
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's minimum for argon2id
_room = threading.BoundedSemaphore(2)
_nobody = _hasher.hash("nobody has this password")


class WeakPasswordError(ValueError):
    """The password is too short or too long; the message says so."""


def hash_password(password: str) -> str:
    """The argon2id hash of a new password. Raises WeakPasswordError."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPasswordError(f"password: use {MIN_LENGTH} to {MAX_LENGTH} characters; several words make a good one")
    with _room:
        return _hasher.hash(password)


def verify(password: str, kept: str | None) -> bool:
    """Whether the password is the one of the hash; as slow for a user who is not there (None)."""
    with _room:
        try:
            _hasher.verify(_nobody if kept is None else kept, password[:MAX_LENGTH])
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return kept is not None


def outdated(kept: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)
