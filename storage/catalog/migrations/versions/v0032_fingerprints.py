"""Fingerprints of images, for near-duplicates, and the models of what a team keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.Column("phash", sa.String(), nullable=False),
        sa.Column("structure", sa.LargeBinary(), nullable=False),
        sa.Column("hash_version", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_sha256"], ["blobs.sha256"], name="fk_fingerprints_image_sha256", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_sha256", name="pk_fingerprints"),
    )
    op.create_table(
        "triage_models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.Column("keepers", sa.Integer(), nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_triage_models"),
    )
    op.create_index("ix_triage_models_version_id", "triage_models", ["version", "id"])


def downgrade() -> None:
    """Stacks and triage of queues that are there stay in their JSON, which earlier versions do not read."""
    op.drop_table("triage_models")
    op.drop_table("fingerprints")
