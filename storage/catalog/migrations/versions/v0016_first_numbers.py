"""The profile's numbers that a spec first ran with, and what a contact sheet shows, so that neither is made anew."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "first_numbers",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('spec', 'subject')", name=op.f("ck_first_numbers_kind")),
        sa.PrimaryKeyConstraint("kind", "name", "profile", name="pk_first_numbers"),
    )
    op.add_column("runs", sa.Column("sheet_key", sa.String(), nullable=True))
    where = sa.text("sheet_key IS NOT NULL")
    op.create_index("ix_runs_sheet_key", "runs", ["sheet_key"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Specs run with the profile's numbers of the day again, and sheets are drawn with every run."""
    op.drop_index("ix_runs_sheet_key", "runs")
    op.drop_column("runs", "sheet_key")
    op.drop_table("first_numbers")
