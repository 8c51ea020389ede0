"""Who gave each mask, how and when, and what speaks against it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# What versions before this one wrote: "user" for a mask file of a spec or of `ingest --mask`, "given" for one painted
# or uploaded in the dashboard, "alpha" for the reference's own channel; everything else was found.
GIVEN = {"user": "spec", "given": "dashboard", "alpha": "file"}

PAINTED = sa.text(
    "SELECT actor, entity_id, after, created_at FROM audit WHERE action = 'new mask' ORDER BY id"
).columns(after=sa.JSON(), created_at=sa.DateTime(timezone=True))
NAMED = sa.text(
    "UPDATE masks SET giver = :actor, given_at = :at WHERE method = 'given' AND reference_id = :reference "
    "AND mask_sha256 = :sha256"
).bindparams(sa.bindparam("at", type_=sa.DateTime(timezone=True)))


def upgrade() -> None:
    op.add_column("masks", sa.Column("given", sa.String(), server_default="found", nullable=False))
    op.add_column("masks", sa.Column("giver", sa.String(), nullable=True))
    op.add_column("masks", sa.Column("given_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("masks", sa.Column("warnings", sa.JSON(), nullable=True))
    at = op.get_bind()
    for method, given in GIVEN.items():
        at.execute(
            sa.text("UPDATE masks SET given = :given WHERE method = :method"), {"given": given, "method": method}
        )
    at.execute(sa.text("UPDATE masks SET given_at = created_at WHERE given IN ('spec', 'dashboard')"))
    for actor, reference, after, created_at in at.execute(PAINTED).all():
        if str(reference).isdecimal() and isinstance(after, dict):
            names = {"actor": actor, "reference": int(reference), "sha256": after.get("mask"), "at": created_at}
            at.execute(NAMED, names)


def downgrade() -> None:
    """Who gave a mask is told by its method alone, as before."""
    for column in ("warnings", "given_at", "giver", "given"):
        op.drop_column("masks", column)
