"""Cells whose pictures other cells are made from: a picture that is edited, and the first of a set."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cell_sources",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_cell_sources_cell_id"),
        sa.ForeignKeyConstraint(["source_id"], ["cells.id"], name="fk_cell_sources_source_id"),
        sa.PrimaryKeyConstraint("cell_id", "role", name="pk_cell_sources"),
    )
    op.create_index("ix_cell_sources_source_id_role", "cell_sources", ["source_id", "role"])


def downgrade() -> None:
    """Cells keep what their settings say of the pictures that they see, which earlier versions do not read."""
    op.drop_table("cell_sources")
