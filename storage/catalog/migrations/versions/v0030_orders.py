"""Presets of orders, and files that were uploaded for orders."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_presets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("spec", sa.String(), nullable=False),
        sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_order_presets_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_order_presets"),
        sa.UniqueConstraint("user_id", "name", name="uq_order_presets_user_id_name"),
    )
    op.create_index("ix_order_presets_shared", "order_presets", ["shared"])
    op.create_table(
        "order_files",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_order_files_sha256"),
        sa.PrimaryKeyConstraint("sha256", "kind", name="pk_order_files"),
    )
    op.create_index("ix_order_files_kind_created_at", "order_files", ["kind", "created_at"])


def downgrade() -> None:
    """Presets and uploads are gone; runs that were ordered with them are not."""
    op.drop_table("order_files")
    op.drop_table("order_presets")
