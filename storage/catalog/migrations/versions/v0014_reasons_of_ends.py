"""Why a run ended as it did, and which of its subjects were refused."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("reason", sa.String(), nullable=True))
    op.add_column("runs", sa.Column("refused", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "refused")
    op.drop_column("runs", "reason")
