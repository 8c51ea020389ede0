"""Queues that several people review: by a link, or in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queues", sa.Column("shared", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "queue_guests",
        sa.Column("queue_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["queue_id"], ["queues.id"], name="fk_queue_guests_queue_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_queue_guests_user_id"),
        sa.PrimaryKeyConstraint("queue_id", "user_id", name="pk_queue_guests"),
    )
    op.create_table(
        "splits",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_splits_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_splits"),
    )
    op.create_index("ix_splits_user_id_created_at", "splits", ["user_id", "created_at"])
    op.create_table(
        "split_parts",
        sa.Column("split_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.String(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["split_id"], ["splits.id"], name="fk_split_parts_split_id"),
        sa.ForeignKeyConstraint(["queue_id"], ["queues.id"], name="fk_split_parts_queue_id"),
        sa.ForeignKeyConstraint(["holder_id"], ["users.id"], name="fk_split_parts_holder_id"),
        sa.PrimaryKeyConstraint("split_id", "number", name="pk_split_parts"),
        sa.UniqueConstraint("queue_id", name="uq_split_parts_queue_id"),
    )
    op.create_index("ix_split_parts_holder_id", "split_parts", ["holder_id"])


def downgrade() -> None:
    """Each part is a queue of whoever split them; decisions stay."""
    op.drop_table("split_parts")
    op.drop_table("splits")
    op.drop_table("queue_guests")
    op.drop_column("queues", "shared")
