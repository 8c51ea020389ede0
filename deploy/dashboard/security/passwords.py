"""Password hashing with argon2id, a few at a time because each hash takes memory and CPU time."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

MIN_LENGTH, MAX_LENGTH = 12, 1000
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's minimum for argon2id
_room = threading.BoundedSemaphore(2)
_nobody = _hasher.hash("nobody has this password")


class WeakPasswordError(ValueError):
    """The password is too short or too long."""


def hash_password(password: str) -> str:
    """Hash a new password with argon2id. Raises WeakPasswordError."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise WeakPasswordError(f"password: use {MIN_LENGTH} to {MAX_LENGTH} characters; several words make a good one")
    with _room:
        return _hasher.hash(password)


def verify(password: str, hashed: str | None) -> bool:
    """Check the password against a hash, taking equally long for an unknown user (None)."""
    with _room:
        try:
            _hasher.verify(_nobody if hashed is None else hashed, password[:MAX_LENGTH])
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return hashed is not None


def outdated(hashed: str) -> bool:
    """Return whether the hash was made with weaker parameters than the current ones."""
    return _hasher.check_needs_rehash(hashed)
