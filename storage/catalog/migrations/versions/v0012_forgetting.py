"""What is to be forgotten can be: append-only rows go while `forgetting` names them, and in no other way."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SAID = "{} is append-only: add a row instead of changing or deleting one"
NAMED = "EXISTS (SELECT 1 FROM forgetting WHERE entity = {} AND entity_id = {})"
MAY = {
    "reviews": ("DELETE", NAMED.format("'output'", "CAST(OLD.output_id AS VARCHAR)")),
    "lineage": ("DELETE", NAMED.format("OLD.entity", "OLD.entity_id")),
    # who did what and when stays for ever: only the contents may be emptied
    "audit": (
        "UPDATE",
        NAMED.format("'audit'", "CAST(OLD.id AS VARCHAR)")
        + "".join(
            f" AND NEW.{one} = OLD.{one}" for one in ("id", "actor", "action", "entity", "entity_id", "created_at")
        ),
    ),
}


def upgrade() -> None:
    op.create_table(
        "forgetting",
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "entity_id", name="pk_forgetting"),
    )
    op.create_table(
        "retired_ids",
        sa.Column("of", sa.String(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("of", name="pk_retired_ids"),
    )
    for table, (change, named) in MAY.items():
        _refuse(table, change, named)


def downgrade() -> None:
    """Nothing can be forgotten any more; what was stays so."""
    for table, (change, _) in MAY.items():
        _refuse(table, change, None)
    op.drop_table("retired_ids")
    op.drop_table("forgetting")


def _refuse(table: str, change: str, named: str | None) -> None:
    said = SAID.format(table)
    if op.get_bind().dialect.name == "sqlite":
        trigger = f"{table}_no_{change.lower()}"
        when = "" if named is None else f"WHEN NOT ({named.replace('VARCHAR', 'TEXT')}) "
        op.execute(f"DROP TRIGGER {trigger}")
        op.execute(
            f"CREATE TRIGGER {trigger} BEFORE {change} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
        return
    # nested, not joined by AND: a TRUNCATE, whose trigger this is too, has no OLD
    row = "OLD" if change == "DELETE" else "NEW"
    may = "" if named is None else f"IF TG_OP = '{change}' THEN IF {named} THEN RETURN {row}; END IF; END IF; "
    op.execute(
        f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {may}RAISE EXCEPTION '{said}' USING ERRCODE = 'restrict_violation'; END $$"
    )
