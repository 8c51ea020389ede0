"""Reviews, checkpoints and lineage; what pages are found and garbage is told by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Columns that refer to another table or carry a check are added in words, which both databases understand: SQLite
# takes them in place, while Alembic would make the whole table anew.
CELLS_CHECKPOINT = "ADD COLUMN checkpoint_id INTEGER CONSTRAINT fk_cells_checkpoint_id REFERENCES checkpoints (id)"
OUTPUTS_RUN = "ADD COLUMN run_id VARCHAR CONSTRAINT fk_outputs_run_id REFERENCES runs (id)"
RUNS_SHEET = "ADD COLUMN sheet_sha256 VARCHAR CONSTRAINT fk_runs_sheet_sha256 REFERENCES blobs (sha256)"
OUTPUTS_DECISION = (
    "ADD COLUMN decision VARCHAR DEFAULT 'none' NOT NULL CONSTRAINT ck_outputs_decision "
    "CHECK (decision IN ('none', 'approved', 'rejected', 'flagged'))"
)
APPEND_ONLY = ("reviews", "lineage")


def upgrade() -> None:
    _new_tables()
    op.add_column("blobs", sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True))
    _index("blobs", "marked_at", where_set="marked_at")
    op.add_column("profiles", sa.Column("licence", sa.String(), server_default="unknown", nullable=False))
    op.add_column("profiles", sa.Column("parts", sa.JSON(), server_default="{}", nullable=False))
    _index("refs", "image_sha256")
    _versions_of_masks()
    op.execute(f"ALTER TABLE runs {RUNS_SHEET}")
    _index("runs", "sheet_sha256", where_set="sheet_sha256")
    op.execute(f"ALTER TABLE cells {CELLS_CHECKPOINT}")
    op.add_column("cells", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    _index("cells", "checkpoint_id", "id", where_set="checkpoint_id")
    _index("cells", "pose", where_set="pose")
    _index("run_cells", "run_id", "position")
    _index("run_cells", "cell_id")
    _outputs_and_scores()
    for table in APPEND_ONLY:
        _refuse_changes(table)


def downgrade() -> None:
    """Reviews, checkpoints and lineage are lost, and which checkpoint a cell was drawn with."""
    _let_change()
    for columns in (("metric",), ("subject_id", "metric"), ("decision", "metric")):
        op.drop_index(f"ix_scores_{'_'.join(columns)}_current_value_output_id", "scores")
    for column in ("current", "decision", "subject_id"):
        op.drop_column("scores", column)
    op.create_index("ix_scores_metric_value_output_id", "scores", ["metric", "value", "output_id"])
    for index in ("subject_id_id", "decision_id", "image_sha256"):
        op.drop_index(f"ix_outputs_{index}", "outputs")
    for column in ("subject_id", "revision", "rating", "decision", "run_id"):
        op.drop_column("outputs", column)
    op.drop_index("ix_run_cells_cell_id", "run_cells")
    op.drop_index("ix_run_cells_run_id_position", "run_cells")
    op.drop_index("ix_cells_pose", "cells")
    op.drop_index("ix_cells_checkpoint_id_id", "cells")
    op.drop_column("cells", "failures")
    op.drop_column("cells", "checkpoint_id")
    op.drop_index("ix_runs_sheet_sha256", "runs")
    op.drop_column("runs", "sheet_sha256")
    op.drop_index("ix_masks_mask_sha256", "masks")
    op.drop_index("ix_masks_reference_id_version", "masks")
    op.drop_column("masks", "version")
    op.drop_index("ix_refs_image_sha256", "refs")
    op.drop_column("profiles", "parts")
    op.drop_column("profiles", "licence")
    op.drop_index("ix_blobs_marked_at", "blobs")
    op.drop_column("blobs", "marked_at")
    for table in ("lineage", "reviews", "checkpoints"):
        op.drop_table(table)


def _index(table: str, *columns: str, where_set: str | None = None, unique: bool = False) -> None:
    where = None if where_set is None else sa.text(f"{where_set} IS NOT NULL")
    name = f"ix_{table}_{'_'.join(columns)}"
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=where, postgresql_where=where)


def _versions_of_masks() -> None:
    op.add_column("masks", sa.Column("version", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE masks SET version = (SELECT count(*) FROM masks AS older "
        "WHERE older.reference_id = masks.reference_id AND older.id <= masks.id)"
    )
    _index("masks", "reference_id", "version", unique=True)
    _index("masks", "mask_sha256")


def _outputs_and_scores() -> None:
    op.execute(f"ALTER TABLE outputs {OUTPUTS_RUN}")
    op.execute(f"ALTER TABLE outputs {OUTPUTS_DECISION}")
    for name, default in (("subject_id", "0"), ("revision", "1"), ("rating", "0")):
        op.add_column("outputs", sa.Column(name, sa.Integer(), server_default=default, nullable=False))
    op.execute("UPDATE outputs SET subject_id = (SELECT subject_id FROM cells WHERE cells.id = outputs.cell_id)")
    for columns in (("subject_id", "id"), ("decision", "id"), ("image_sha256",)):
        _index("outputs", *columns)
    op.drop_index("ix_scores_metric_value_output_id", "scores")
    op.add_column("scores", sa.Column("subject_id", sa.Integer(), server_default="0", nullable=False))
    op.add_column("scores", sa.Column("decision", sa.String(), server_default="none", nullable=False))
    op.add_column("scores", sa.Column("current", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.execute(
        "UPDATE scores SET subject_id = (SELECT subject_id FROM outputs WHERE outputs.id = scores.output_id), "
        "current = NOT EXISTS (SELECT 1 FROM scores AS newer WHERE newer.output_id = scores.output_id "
        "AND newer.metric = scores.metric AND (newer.created_at, newer.id) > (scores.created_at, scores.id))"
    )
    for first in ((), ("subject_id",), ("decision",)):
        _index("scores", *first, "metric", "current", "value", "output_id")


def _new_tables() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("mask_id", sa.Integer(), nullable=True),
        sa.Column("profile_id", sa.Integer(), nullable=False),
        sa.Column("weights_sha256", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_checkpoints_subject_id"),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_checkpoints_reference_id"),
        sa.ForeignKeyConstraint(["mask_id"], ["masks.id"], name="fk_checkpoints_mask_id"),
        sa.ForeignKeyConstraint(["profile_id"], ["profiles.id"], name="fk_checkpoints_profile_id"),
        sa.ForeignKeyConstraint(["weights_sha256"], ["blobs.sha256"], name="fk_checkpoints_weights_sha256"),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoints"),
        sa.UniqueConstraint(
            "reference_id", "profile_id", "weights_sha256", name="uq_checkpoints_reference_id_profile_id_weights_sha256"
        ),
    )
    _index("checkpoints", "subject_id", "id")
    _index("checkpoints", "weights_sha256")
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("image_sha256", sa.String(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("decision IN ('none', 'approved', 'rejected', 'flagged')", name=op.f("ck_reviews_decision")),
        sa.CheckConstraint("rating BETWEEN 0 AND 5", name=op.f("ck_reviews_rating")),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], name="fk_reviews_output_id"),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.UniqueConstraint("uuid", name="uq_reviews_uuid"),
        sa.UniqueConstraint("output_id", "revision", name="uq_reviews_output_id_revision"),
    )
    _index("reviews", "reviewer", "id")
    op.create_table(
        "lineage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lineage"),
    )
    _index("lineage", "entity", "entity_id", "id")


def _refuse_changes(table: str) -> None:
    said = f"{table} is append-only: add a row instead of changing or deleting one"
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    for event, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER {table}_no_{event.split()[0].lower()} BEFORE {event} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION {table}_append_only()"
        )


def _let_change() -> None:
    """SQLite drops a trigger with its table; PostgreSQL keeps the function."""
    if op.get_bind().dialect.name != "sqlite":
        for table in APPEND_ONLY:
            op.execute(f"DROP FUNCTION {table}_append_only() CASCADE")
