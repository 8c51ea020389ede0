"""The depth map that a cell follows, and the reference's own layouts that it was drawn with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = ("depth", "reference_pose", "reference_depth")


def upgrade() -> None:
    for column in COLUMNS:
        # in words, as in 0002: SQLite takes a column with a link in place
        op.execute(
            f"ALTER TABLE cells ADD COLUMN {column} VARCHAR CONSTRAINT fk_cells_{column} REFERENCES blobs (sha256)"
        )
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_cells_{column}", "cells", [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Which depth map a cell follows is lost, and the reference's layouts."""
    for column in COLUMNS:
        op.drop_index(f"ix_cells_{column}", "cells")
        op.drop_column("cells", column)
