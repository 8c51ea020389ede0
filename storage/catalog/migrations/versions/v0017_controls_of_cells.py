"""Control images of cells of any kind, beside pose and depth."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cell_controls",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("of_reference", sa.Boolean(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_cell_controls_cell_id"),
        sa.ForeignKeyConstraint(["image_sha256"], ["blobs.sha256"], name="fk_cell_controls_image_sha256"),
        sa.PrimaryKeyConstraint("cell_id", "kind", "of_reference", name="pk_cell_controls"),
    )
    op.create_index("ix_cell_controls_image_sha256", "cell_controls", ["image_sha256"])


def downgrade() -> None:
    """Cells that follow control images of other kinds can no longer be generated again; their pictures stay."""
    op.drop_index("ix_cell_controls_image_sha256", "cell_controls")
    op.drop_table("cell_controls")
