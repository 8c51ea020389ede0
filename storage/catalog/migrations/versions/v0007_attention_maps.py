"""Maps of where a point of a picture looked."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attention_maps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.Column("map_sha256", sa.String(), nullable=False),
        sa.Column("x", sa.Double(), nullable=False),
        sa.Column("y", sa.Double(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], name="fk_attention_maps_output_id"),
        sa.ForeignKeyConstraint(["map_sha256"], ["blobs.sha256"], name="fk_attention_maps_map_sha256"),
        sa.PrimaryKeyConstraint("id", name="pk_attention_maps"),
    )
    op.create_index("ix_attention_maps_output_id_id", "attention_maps", ["output_id", "id"])
    op.create_index("ix_attention_maps_map_sha256", "attention_maps", ["map_sha256"])


def downgrade() -> None:
    """The maps are garbage then, which the collector takes; they can be made again."""
    op.drop_table("attention_maps")
