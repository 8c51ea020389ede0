"""The licences of the models behind each version of a metric."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "metric_versions",
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("licences", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("metric", "version", name="pk_metric_versions"),
    )


def downgrade() -> None:
    """Scores stay; which licences their models had is forgotten until they score again."""
    op.drop_table("metric_versions")
