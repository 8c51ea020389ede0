"""Hashes of the audit: each entry holds a hash of itself and of the entry before, so that no change goes unseen.

The contents of an entry, which may have to be forgotten, enter by a hash of their own, salted: the entry's hash stays
when they go, and without the salt nobody can try which contents it was. Migrations use these functions: they never
change.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any

START = "0" * 64
"""The hash before the first entry."""
SALT_BYTES = 16


def new_salt() -> str:
    """Return a random salt, 32 hex digits."""
    return secrets.token_hex(SALT_BYTES)


def content_hash(salt: str, before: Any, after: Any) -> str:
    """Return the SHA-256 of an entry's contents, JSON values, with its salt."""
    return _sha256([salt, before, after])


def entry_hash(
    previous: str, *, actor: str, action: str, entity: str, entity_id: str, at: datetime, content: str
) -> str:
    """Return the SHA-256 of an entry. `previous`: that of the entry before; `content`: the hash of its contents."""
    moment = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    said = [previous, actor, action, entity, entity_id, moment.isoformat(timespec="microseconds"), content]
    return _sha256(said)


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
