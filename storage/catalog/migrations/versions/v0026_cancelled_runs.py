"""Who asked to cancel a run."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("cancelled_by", sa.String(), nullable=True))


def downgrade() -> None:
    """Who cancelled a run stays in the audit."""
    op.drop_column("runs", "cancelled_by")
