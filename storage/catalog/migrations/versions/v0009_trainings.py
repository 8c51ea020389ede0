"""Fine-tunings at work: whose they are, how far they are, and the state from which they go on."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trainings",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("mask_id", sa.Integer(), nullable=True),
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("step", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resume_sha256", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("checkpoint_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(owner IS NULL) = (lease_expires_at IS NULL)", name=op.f("ck_trainings_lease")),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_trainings_reference_id"),
        sa.ForeignKeyConstraint(["mask_id"], ["masks.id"], name="fk_trainings_mask_id"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name="fk_trainings_profile_id"),
        sa.ForeignKeyConstraint(["resume_sha256"], ["blobs.sha256"], name="fk_trainings_resume_sha256"),
        sa.ForeignKeyConstraint(["checkpoint_id"], ["checkpoints.id"], name="fk_trainings_checkpoint_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_trainings"),
    )
    op.create_index("ix_trainings_reference_id", "trainings", ["reference_id"])
    for column in ("resume_sha256", "checkpoint_id"):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_trainings_{column}", "trainings", [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Which recipe a checkpoint came of is lost, and what unfinished fine-tunings had learnt."""
    op.drop_table("trainings")
