"""What changes a picture beyond what was asked, run by run."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_warnings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("prompt", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_warnings_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_run_warnings_subject_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run_warnings"),
    )
    op.create_index("ix_run_warnings_run_id_id", "run_warnings", ["run_id", "id"])
    op.create_index("ix_run_warnings_subject_id_id", "run_warnings", ["subject_id", "id"])


def downgrade() -> None:
    op.drop_table("run_warnings")
