"""Decided outputs are found by the run that generated them, for the triage of its project."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outputs_run_id_decision_id", "outputs", ["run_id", "decision", "id"])


def downgrade() -> None:
    op.drop_index("ix_outputs_run_id_decision_id", "outputs")
