"""The fine-tunings that a run waits for before it plans the cells that use them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_trainings",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("training_digest", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cells", sa.Integer(), nullable=False),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_trainings_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["training_digest"],
            ["trainings.digest"],
            name="fk_run_trainings_training_digest",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "training_digest", name="pk_run_trainings"),
    )
    op.create_index("ix_run_trainings_training_digest", "run_trainings", ["training_digest"])


def downgrade() -> None:
    """A run that waits for fine-tunings plans no more cells; run its spec again."""
    op.drop_table("run_trainings")
