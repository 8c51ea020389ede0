"""First start: a one-time link for the admin account."""

from __future__ import annotations

from datetime import timedelta

from deploy.dashboard.security.secrets import digest, new_secret
from storage.catalog import Catalog, views, writes
from storage.catalog.database.base import now

LINK_HOURS = 24


def admin_link(catalog: Catalog) -> str | None:
    """Create a one-time link for the admin, and the account if needed; its path, or None once an admin can log in."""
    with catalog.read() as s:
        admins = [one for one in views.users(s) if one.role == "admin"]
    if catalog.read_only or any(not one.invited and one.active for one in admins):
        return None
    secret = new_secret()
    with catalog.write() as s:
        user_id = admins[0].id if admins else writes.add_user(s, name="admin", role="admin", actor="first start")
        expires = now() + timedelta(hours=LINK_HOURS)
        writes.add_link(s, user_id=user_id, token_sha256=digest(secret), expires_at=expires, actor="first start")
    return f"/link/{secret}"
