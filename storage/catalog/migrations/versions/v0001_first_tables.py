"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_blobs"),
    )
    op.create_table(
        "profiles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("weights_digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_profiles"),
        sa.UniqueConstraint("name", "weights_digest", name="uq_profiles_name_weights_digest"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("flow_run_id", sa.String(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'completed', 'failed', 'cancelled', 'crashed')", name=op.f("ck_runs_state")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("flow_run_id", name="uq_runs_flow_run_id"),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_table(
        "subjects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("class_word", sa.String(), nullable=False),
        sa.Column("style", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subjects"),
        sa.UniqueConstraint("name", name="uq_subjects_name"),
    )
    op.create_table(
        "refs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("caption", sa.String(), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_sha256"], ["blobs.sha256"], name="fk_refs_image_sha256"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_refs_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_refs"),
        sa.UniqueConstraint("subject_id", "image_sha256", name="uq_refs_subject_id_image_sha256"),
    )
    op.create_index("ix_refs_subject_id_turn", "refs", ["subject_id", "turn"])
    op.create_table(
        "masks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("mask_sha256", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_masks_confidence")),
        sa.ForeignKeyConstraint(["mask_sha256"], ["blobs.sha256"], name="fk_masks_mask_sha256"),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_masks_reference_id"),
        sa.PrimaryKeyConstraint("id", name="pk_masks"),
        sa.UniqueConstraint("reference_id", "mask_sha256", "method", name="uq_masks_reference_id_mask_sha256_method"),
    )
    op.create_index("ix_masks_reference_id_turn", "masks", ["reference_id", "turn"])
    op.create_table(
        "cells",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("mask_id", sa.Integer(), nullable=True),
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("pose", sa.String(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'generating') = (owner IS NOT NULL)", name=op.f("ck_cells_owner")),
        sa.CheckConstraint(
            "state IN ('planned', 'generating', 'generated', 'failed', 'lost')", name=op.f("ck_cells_state")
        ),
        sa.CheckConstraint("(owner IS NULL) = (lease_expires_at IS NULL)", name=op.f("ck_cells_lease")),
        sa.ForeignKeyConstraint(["mask_id"], ["masks.id"], name="fk_cells_mask_id"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name="fk_cells_profile_id"),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_cells_reference_id"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_cells_subject_id"),
        sa.PrimaryKeyConstraint("id", name="pk_cells"),
        sa.UniqueConstraint("digest", name="uq_cells_digest"),
    )
    op.create_index("ix_cells_state_id", "cells", ["state", "id"])
    op.create_index("ix_cells_subject_id_id", "cells", ["subject_id", "id"])
    op.create_table(
        "outputs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_outputs_cell_id"),
        sa.ForeignKeyConstraint(["image_sha256"], ["blobs.sha256"], name="fk_outputs_image_sha256"),
        sa.PrimaryKeyConstraint("id", name="pk_outputs"),
        sa.UniqueConstraint("cell_id", name="uq_outputs_cell_id"),
    )
    op.create_table(
        "run_cells",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_run_cells_cell_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_cells_run_id"),
        sa.PrimaryKeyConstraint("run_id", "cell_id", name="pk_run_cells"),
    )
    op.create_table(
        "scores",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], name="fk_scores_output_id"),
        sa.PrimaryKeyConstraint("id", name="pk_scores"),
        sa.UniqueConstraint("output_id", "metric", "version", name="uq_scores_output_id_metric_version"),
    )
    op.create_index("ix_scores_metric_value_output_id", "scores", ["metric", "value", "output_id"])


def downgrade() -> None:
    op.drop_table("scores")
    op.drop_table("run_cells")
    op.drop_table("outputs")
    op.drop_table("cells")
    op.drop_table("masks")
    op.drop_table("refs")
    op.drop_table("subjects")
    op.drop_table("runs")
    op.drop_table("profiles")
    op.drop_table("blobs")
