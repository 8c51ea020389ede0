"""Captions and control images of references, each with its origin; the licence of the model that found a mask."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# A caption that is there was given by a person. Versions before this one did not record where: it counts as a spec's.
GIVEN = """
INSERT INTO annotations (reference_id, kind, text, method, version, turn, given, given_at, created_at)
SELECT id, 'caption', caption, 'user', 1, 1, 'spec', created_at, created_at FROM refs WHERE caption IS NOT NULL
ORDER BY id
"""


def upgrade() -> None:
    op.create_table(
        "annotations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("image_sha256", sa.String(), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("licence", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("given", sa.String(), server_default="found", nullable=False),
        sa.Column("giver", sa.String(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notes", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'caption') = (text IS NOT NULL)", name=op.f("ck_annotations_text")),
        sa.CheckConstraint("text IS NULL OR image_sha256 IS NULL", name=op.f("ck_annotations_content")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_annotations_confidence")),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_annotations_reference_id"),
        sa.ForeignKeyConstraint(["image_sha256"], ["blobs.sha256"], name="fk_annotations_image_sha256"),
        sa.PrimaryKeyConstraint("id", name="pk_annotations"),
    )
    op.create_index("ix_annotations_reference_id_kind_turn", "annotations", ["reference_id", "kind", "turn"])
    op.create_index(
        "ix_annotations_reference_id_kind_version", "annotations", ["reference_id", "kind", "version"], unique=True
    )
    where = sa.text("image_sha256 IS NOT NULL")
    op.create_index(
        "ix_annotations_image_sha256", "annotations", ["image_sha256"], sqlite_where=where, postgresql_where=where
    )
    op.add_column("masks", sa.Column("licence", sa.String(), nullable=True))
    op.execute(GIVEN)


def downgrade() -> None:
    """References keep the captions that people gave them; found ones, and own control images, are found anew."""
    op.drop_column("masks", "licence")
    op.drop_table("annotations")
