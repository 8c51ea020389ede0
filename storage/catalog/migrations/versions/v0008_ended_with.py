"""In which states a run's cells were when it ended."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATES = (
    "SELECT cells.state, count(*) FROM run_cells JOIN cells ON cells.id = run_cells.cell_id "
    "WHERE run_cells.run_id = :run GROUP BY cells.state"
)

KEEP = sa.text("UPDATE runs SET ended_with = :states WHERE id = :run")
KEEP = KEEP.bindparams(sa.bindparam("states", type_=sa.JSON))


def upgrade() -> None:
    op.add_column("runs", sa.Column("ended_with", sa.JSON(), nullable=True))
    at = op.get_bind()
    for run in at.execute(sa.text("SELECT id FROM runs WHERE state <> 'running'")).scalars().all():
        states: dict[str, int] = dict(at.execute(sa.text(STATES), {"run": run}).all())
        at.execute(KEEP, {"states": states, "run": run})


def downgrade() -> None:
    op.drop_column("runs", "ended_with")
