"""Tags and collections, saved filters, votes between two pictures, and what people prefer."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("preferences", sa.JSON(), nullable=True))
    op.create_table(
        "labels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("creator", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('tag', 'collection')", name=op.f("ck_labels_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_labels"),
        sa.UniqueConstraint("kind", "name", name="uq_labels_kind_name"),
    )
    op.create_table(
        "output_labels",
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("giver", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name="fk_output_labels_label_id"),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], name="fk_output_labels_output_id"),
        sa.PrimaryKeyConstraint("label_id", "output_id", name="pk_output_labels"),
    )
    op.create_index("ix_output_labels_output_id", "output_labels", ["output_id"])
    op.create_table(
        "saved_filters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_saved_filters_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_filters"),
        sa.UniqueConstraint("user_id", "name", name="uq_saved_filters_user_id_name"),
    )
    op.create_table(
        "votes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("winner_id", sa.Integer(), nullable=False),
        sa.Column("loser_id", sa.Integer(), nullable=False),
        sa.Column("tie", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("blind", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["winner_id"], ["outputs.id"], name="fk_votes_winner_id"),
        sa.ForeignKeyConstraint(["loser_id"], ["outputs.id"], name="fk_votes_loser_id"),
        sa.PrimaryKeyConstraint("id", name="pk_votes"),
        sa.UniqueConstraint("uuid", name="uq_votes_uuid"),
    )
    op.create_index("ix_votes_winner_id", "votes", ["winner_id"])
    op.create_index("ix_votes_loser_id", "votes", ["loser_id"])


def downgrade() -> None:
    """Pictures and decisions stay; what people gathered and voted is forgotten."""
    for table in ("votes", "saved_filters", "output_labels", "labels"):
        op.drop_table(table)
    op.drop_column("users", "preferences")
