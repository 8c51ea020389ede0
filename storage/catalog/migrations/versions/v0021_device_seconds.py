"""Device-seconds of cells, fine-tunings, scores and work sessions. Those of earlier rows are unknown: null."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("cells", "trainings", "scores")
KINDS = "'generate', 'finetune', 'score'"


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("device_seconds", sa.Double(), nullable=True))
        op.add_column(table, sa.Column("device", sa.String(), nullable=True))
    op.create_table(
        "work_sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("device_seconds", sa.Double(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("leases_lost", sa.Integer(), nullable=False),
        sa.Column("uploads_waiting", sa.Integer(), nullable=False),
        sa.Column("model_loads", sa.Integer(), nullable=False),
        sa.Column("model_load_seconds", sa.Double(), nullable=False),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_work_sessions_kind")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_work_sessions_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_work_sessions"),
    )
    where = sa.text("run_id IS NOT NULL")
    op.create_index("ix_work_sessions_run_id", "work_sessions", ["run_id"], sqlite_where=where, postgresql_where=where)
    op.create_index("ix_work_sessions_seen_at", "work_sessions", ["seen_at"])


def downgrade() -> None:
    """What was spent is forgotten; no picture changes."""
    op.drop_table("work_sessions")
    for table in TABLES:
        for column in ("device", "device_seconds"):
            op.drop_column(table, column)
