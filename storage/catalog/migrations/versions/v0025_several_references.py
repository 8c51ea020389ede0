"""Several references of a subject: their sets, and the further references of cells with their control images."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reference_members",
        sa.Column("leading_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_reference_members_weight")),
        sa.ForeignKeyConstraint(["leading_id"], ["refs.id"], name="fk_reference_members_leading_id"),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_reference_members_reference_id"),
        sa.PrimaryKeyConstraint("leading_id", "position", name="pk_reference_members"),
        sa.UniqueConstraint("leading_id", "reference_id", name="uq_reference_members_leading_id_reference_id"),
    )
    op.create_index("ix_reference_members_reference_id", "reference_members", ["reference_id"])
    op.create_table(
        "cell_references",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("mask_id", sa.Integer(), nullable=True),
        sa.Column("caption", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_cell_references_cell_id"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_cell_references_subject_id"),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_cell_references_reference_id"),
        sa.ForeignKeyConstraint(["mask_id"], ["masks.id"], name="fk_cell_references_mask_id"),
        sa.PrimaryKeyConstraint("cell_id", "subject_id", "position", name="pk_cell_references"),
    )
    op.create_index("ix_cell_references_subject_id_reference_id", "cell_references", ["subject_id", "reference_id"])
    op.create_index("ix_cell_references_reference_id", "cell_references", ["reference_id"])
    op.create_table(
        "cell_reference_controls",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_cell_reference_controls_cell_id"),
        sa.ForeignKeyConstraint(["image_sha256"], ["blobs.sha256"], name="fk_cell_reference_controls_image_sha256"),
        sa.PrimaryKeyConstraint("cell_id", "position", "kind", name="pk_cell_reference_controls"),
    )
    op.create_index("ix_cell_reference_controls_image_sha256", "cell_reference_controls", ["image_sha256"])


def downgrade() -> None:
    """Subjects keep their first reference; cells of several can no longer be generated again, their pictures stay."""
    op.drop_table("cell_reference_controls")
    op.drop_table("cell_references")
    op.drop_table("reference_members")
