"""Workers with the lease of all their cells; priorities of runs; a run's cells by subject."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# who holds cells now: their leases are as long as those of their cells
HOLDERS = """
INSERT INTO workers (owner, lease_expires_at, started_at)
SELECT owner, MAX(lease_expires_at), MAX(updated_at) FROM cells WHERE state = 'generating' GROUP BY owner
"""


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_workers"),
    )
    op.create_index("ix_workers_run_id", "workers", ["run_id"])
    op.execute(HOLDERS)
    op.create_index("ix_run_cells_run_id_subject_id_position", "run_cells", ["run_id", "subject_id", "position"])
    where = sa.text("state <> 'generated'")
    op.create_index("ix_cells_open", "cells", ["subject_id", "id"], sqlite_where=where, postgresql_where=where)
    op.add_column("runs", sa.Column("priority", sa.String(), server_default="normal", nullable=False))
    op.create_index("ix_runs_state", "runs", ["state"])


def downgrade() -> None:
    """Cells keep the leases of their claims, which the heartbeats of this version did not renew."""
    op.drop_index("ix_runs_state", "runs")
    op.drop_index("ix_cells_open", "cells")
    op.drop_column("runs", "priority")
    op.drop_index("ix_run_cells_run_id_subject_id_position", "run_cells")
    op.drop_table("workers")
