"""Several subjects of one cell: links with their reference and mask, and each subject's scores in their order."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

RUN_CELLS = "ADD COLUMN subject_id INTEGER CONSTRAINT fk_run_cells_subject_id REFERENCES subjects (id)"
LINKS = (
    "INSERT INTO cell_subjects (cell_id, subject_id, reference_id, mask_id, output_id) "
    "SELECT cells.id, cells.subject_id, cells.reference_id, cells.mask_id, outputs.id "
    "FROM cells LEFT JOIN outputs ON outputs.cell_id = cells.id"
)
# Subjects of the same kind whose references are the same bytes: a cell was entered once, under one of the names.
TWINS = (
    "SELECT a.id, b.id, other.id, other.name FROM refs AS a "
    "JOIN refs AS b ON b.image_sha256 = a.image_sha256 AND b.subject_id <> a.subject_id "
    "JOIN subjects AS one ON one.id = a.subject_id JOIN subjects AS other ON other.id = b.subject_id "
    "AND other.class_word = one.class_word AND other.style = one.style"
)
# A run that names the other one asked for the cell, so that the cell is the other's too.
TWIN_LINKS = (
    "INSERT INTO cell_subjects (cell_id, subject_id, reference_id, mask_id, output_id) "
    "SELECT cells.id, :subject, :theirs, (SELECT theirs.id FROM masks AS theirs WHERE theirs.reference_id = :theirs "
    "AND theirs.mask_sha256 = (SELECT ours.mask_sha256 FROM masks AS ours WHERE ours.id = cells.mask_id) "
    "ORDER BY theirs.id LIMIT 1), outputs.id "
    "FROM run_cells JOIN cells ON cells.id = run_cells.cell_id LEFT JOIN outputs ON outputs.cell_id = cells.id "
    "WHERE run_cells.run_id = :run AND cells.reference_id = :ours ON CONFLICT DO NOTHING"
)
SCORES = (
    "INSERT INTO subject_scores (output_id, metric, subject_id, value) "
    "SELECT scores.output_id, scores.metric, cell_subjects.subject_id, scores.value FROM scores "
    "JOIN outputs ON outputs.id = scores.output_id JOIN cell_subjects ON cell_subjects.cell_id = outputs.cell_id "
    "WHERE scores.current"
)
PAGES = {"outputs": ["subject_id", "id"], "scores": ["subject_id", "metric", "current", "value", "output_id"]}
"""Indexes that the new tables take the place of."""


def upgrade() -> None:
    _new_tables()
    op.execute(f"ALTER TABLE run_cells {RUN_CELLS}")
    op.execute(LINKS)
    _twins()
    op.execute(SCORES)
    where = sa.text("output_id IS NOT NULL")
    op.create_index("ix_cell_subjects_subject_id_cell_id", "cell_subjects", ["subject_id", "cell_id"])
    op.create_index(
        "ix_cell_subjects_subject_id_output_id",
        "cell_subjects",
        ["subject_id", "output_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    columns = ["subject_id", "metric", "value", "output_id"]
    op.create_index("ix_subject_scores_subject_id_metric_value_output_id", "subject_scores", columns)
    for table, indexed in PAGES.items():
        op.drop_index(f"ix_{table}_{'_'.join(indexed)}", table)


def downgrade() -> None:
    """A cell is its first subject's alone again."""
    for table, indexed in PAGES.items():
        op.create_index(f"ix_{table}_{'_'.join(indexed)}", table, indexed)
    op.drop_column("run_cells", "subject_id")
    op.drop_table("subject_scores")
    op.drop_table("cell_subjects")


def _new_tables() -> None:
    op.create_table(
        "cell_subjects",
        sa.Column("cell_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("mask_id", sa.Integer(), nullable=True),
        sa.Column("output_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["cell_id"], ["cells.id"], name="fk_cell_subjects_cell_id"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_cell_subjects_subject_id"),
        sa.ForeignKeyConstraint(["reference_id"], ["refs.id"], name="fk_cell_subjects_reference_id"),
        sa.ForeignKeyConstraint(["mask_id"], ["masks.id"], name="fk_cell_subjects_mask_id"),
        sa.PrimaryKeyConstraint("cell_id", "subject_id", name="pk_cell_subjects"),
    )
    op.create_table(
        "subject_scores",
        sa.Column("output_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], name="fk_subject_scores_output_id"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_subject_scores_subject_id"),
        sa.PrimaryKeyConstraint("output_id", "metric", "subject_id", name="pk_subject_scores"),
    )


def _twins() -> None:
    at = op.get_bind()
    twins = at.execute(sa.text(TWINS)).all()
    if not twins:
        return
    for run, spec in at.execute(sa.text("SELECT id, spec FROM runs")).all():
        named = _names(json.loads(spec) if isinstance(spec, str) else spec)
        for ours, theirs, subject, name in twins:
            if name in named:
                values = {"run": run, "ours": ours, "theirs": theirs, "subject": subject}
                at.execute(sa.text(TWIN_LINKS), values)


def _names(spec: Any) -> set[str]:
    subjects = spec.get("subjects") if isinstance(spec, dict) else None
    return {str(one["name"]) for one in subjects or () if isinstance(one, dict) and "name" in one}
