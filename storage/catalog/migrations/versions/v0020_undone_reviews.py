"""Which review a review takes back."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("undoes", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Decisions stay; of those that were taken back only the note is left."""
    op.drop_column("reviews", "undoes")
