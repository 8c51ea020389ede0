"""Files for orders are each uploader's, models of triage a project's; deliveries are found by their state."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

TWICE = """
    DELETE FROM order_files WHERE EXISTS (
        SELECT 1 FROM order_files AS other WHERE other.sha256 = order_files.sha256 AND other.kind = order_files.kind
        AND other.person < order_files.person)
"""


def upgrade() -> None:
    _key("sha256", "kind", "person")
    # models of earlier versions were fitted to decisions of all projects together
    op.execute("DELETE FROM triage_models")
    op.add_column("triage_models", sa.Column("project_id", sa.Integer(), nullable=True))
    op.drop_index("ix_triage_models_version_id", "triage_models")
    op.create_index("ix_triage_models_version_project_id_id", "triage_models", ["version", "project_id", "id"])
    op.create_index("ix_deliveries_webhook_id_state_id", "deliveries", ["webhook_id", "state", "id"])


def downgrade() -> None:
    """A file that several people uploaded is the first one's alone; models are fitted anew."""
    op.drop_index("ix_deliveries_webhook_id_state_id", "deliveries")
    op.execute("DELETE FROM triage_models")
    op.drop_index("ix_triage_models_version_project_id_id", "triage_models")
    op.create_index("ix_triage_models_version_id", "triage_models", ["version", "id"])
    op.drop_column("triage_models", "project_id")
    op.execute(TWICE)
    _key("sha256", "kind")


def _key(*columns: str) -> None:
    with op.batch_alter_table("order_files") as table:
        table.drop_constraint("pk_order_files", type_="primary")
        table.create_primary_key("pk_order_files", [*columns])
