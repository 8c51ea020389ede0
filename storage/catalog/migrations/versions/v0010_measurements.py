"""What benches measured, picture by picture."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "measurements",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("measures", sa.JSON(), nullable=False),
        sa.Column("prepare_s", sa.Double(), nullable=False),
        sa.Column("picture_s", sa.Double(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_sha256"], ["blobs.sha256"], name="fk_measurements_image_sha256"),
        sa.PrimaryKeyConstraint("digest", name="pk_measurements"),
    )
    op.create_index("ix_measurements_image_sha256", "measurements", ["image_sha256"])


def downgrade() -> None:
    """The pictures are garbage then, which the collector takes; they can be measured again."""
    op.drop_table("measurements")
