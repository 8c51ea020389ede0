"""The audit is a chain of hashes; what was there before is chained as it stands."""

import sqlalchemy as sa
from alembic import op

from storage.catalog.audit_chain import START, content_hash, entry_hash, new_salt
from storage.catalog.database.base import Utc

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

NEW = ("salt", "content_sha256", "sha256")
SAID = "audit is append-only: add a row instead of changing or deleting one"
SAME = ("id", "actor", "action", "entity", "entity_id", "created_at")
AUDIT = sa.table(
    "audit",
    *(sa.column(one) for one in ("id", "actor", "action", "entity", "entity_id", *NEW)),
    sa.column("before", sa.JSON()),
    sa.column("after", sa.JSON()),
    sa.column("created_at", Utc()),
)


def upgrade() -> None:
    _allow_all()
    for name in NEW:
        op.add_column("audit", sa.Column(name, sa.String(), nullable=False, server_default=""))
    previous, connection = START, op.get_bind()
    rows = connection.execute(sa.select(AUDIT).order_by(AUDIT.c.id)).mappings().all()
    for row in rows:
        salt = new_salt()
        content = content_hash(salt, row["before"], row["after"])
        named = {name: row[name] for name in ("actor", "action", "entity", "entity_id")}
        previous = entry_hash(previous, at=row["created_at"], content=content, **named)
        chained = {"salt": salt, "content_sha256": content, "sha256": previous}
        connection.execute(sa.update(AUDIT).where(AUDIT.c.id == row["id"]).values(chained))
    # the contents of an entry that is forgotten go with their salt; the hashes stay
    _refuse((*SAME, "content_sha256", "sha256"))


def downgrade() -> None:
    """The entries stay; their hashes are gone."""
    _allow_all()
    for name in reversed(NEW):
        op.drop_column("audit", name)
    _refuse(SAME)


def _allow_all() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS audit_no_update")
    else:
        op.execute("ALTER TABLE audit DISABLE TRIGGER audit_no_update")


def _refuse(same: tuple[str, ...]) -> None:
    """Refuse changes again, but for the contents of an entry that `forgetting` names."""
    kind = "TEXT" if op.get_bind().dialect.name == "sqlite" else "VARCHAR"
    may = f"EXISTS (SELECT 1 FROM forgetting WHERE entity = 'audit' AND entity_id = CAST(OLD.id AS {kind}))"
    may += "".join(f" AND NEW.{one} = OLD.{one}" for one in same)
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit WHEN NOT ({may}) "
            f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF TG_OP = 'UPDATE' THEN IF {may} THEN RETURN NEW; END IF; END IF; "
        f"RAISE EXCEPTION '{SAID}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute("ALTER TABLE audit ENABLE TRIGGER audit_no_update")
