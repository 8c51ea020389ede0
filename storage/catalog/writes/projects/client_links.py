"""Links for clients. The secret is passed as its digest, a password as its hash."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.records import CatalogError, NotInCatalogError
from storage.catalog.schema import ClientLink
from storage.catalog.writes.audit import record_audit

LONGEST = 120  # characters of a title
LONGEST_MARK = 40  # characters of the text over the previews


def add_client_link(
    s: Session,
    *,
    token_sha256: str,
    project_id: int | None,
    title: str,
    mark: str,
    output_ids: Sequence[int],
    password: str | None,
    expires_at: datetime,
    actor: str,
) -> int:
    """Add a link to these outputs and return its id. Raises CatalogError naming the field."""
    title, mark = " ".join(title.split()), " ".join(mark.split())
    if not 0 < len(title) <= LONGEST:
        raise CatalogError(f"title: give one of 1 to {LONGEST} characters; the client reads it")
    if not 0 < len(mark) <= LONGEST_MARK:
        raise CatalogError(f"mark: give a text of 1 to {LONGEST_MARK} characters, which is written over the previews")
    if not output_ids:
        raise CatalogError("pictures: none of these is approved; approve some, or choose others")
    row = ClientLink(token_sha256=token_sha256, project_id=project_id, title=title, mark=mark, opened=0)
    row.outputs, row.password, row.creator, row.expires_at = {"ids": [*output_ids]}, password, actor, expires_at
    s.add(row)
    s.flush()
    after = {"title": title, "pictures": len(output_ids), "expires_at": expires_at.isoformat(timespec="minutes")}
    after |= {"password": password is not None}
    record_audit(s, actor=actor, action="add client link", entity="client link", entity_id=row.id, after=after)
    return row.id


def revoke_client_link(s: Session, link_id: int, *, actor: str) -> None:
    """End a link at once; without effect if it has ended. Raises NotInCatalogError."""
    row = s.scalar(select(ClientLink).where(ClientLink.id == link_id))
    if row is None:
        raise NotInCatalogError("this link is not in the catalog; the list shows those that there are")
    if row.revoked_at is None:
        row.revoked_at, row.revoked_by = now(), actor
        s.flush()
    record_audit(s, actor=actor, action="revoke client link", entity="client link", entity_id=link_id)


def count_opening(s: Session, link_id: int, *, address: str) -> None:
    """Count that the link's page was opened, and record it in the audit."""
    row = s.scalar(select(ClientLink).where(ClientLink.id == link_id).with_for_update())
    if row is not None:
        row.opened, row.opened_at = row.opened + 1, now()
        s.flush()
        after = {"address": address, "opened": row.opened}
        of: dict[str, Any] = {"entity": "client link", "entity_id": str(link_id)}
        record_audit(s, actor="client", action="open client link", after=after, **of)
