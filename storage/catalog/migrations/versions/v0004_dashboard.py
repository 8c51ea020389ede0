"""Users, sessions, tokens, links, audit, review queues and decisions on many."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLE = "IN ('viewer', 'reviewer', 'operator', 'admin')"
TABLES = ("sessions", "tokens", "links", "throttles", "audit", "queues", "users")
SAID = "audit is append-only: add a row instead of changing or deleting one"


def upgrade() -> None:
    _people()
    _work()
    # in words, which both databases understand: SQLite takes the column in place
    op.execute("ALTER TABLE reviews ADD COLUMN batch_id VARCHAR CONSTRAINT fk_reviews_batch_id REFERENCES batches (id)")
    where = sa.text("batch_id IS NOT NULL")
    op.create_index("ix_reviews_batch_id_id", "reviews", ["batch_id", "id"], sqlite_where=where, postgresql_where=where)
    op.add_column("outputs", sa.Column("approvals", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE outputs SET approvals = 1 WHERE decision = 'approved'")
    _refuse_changes()


def downgrade() -> None:
    """Users and all that is theirs are lost; reviews stay, without the batch that they came from."""
    op.drop_column("outputs", "approvals")
    op.drop_index("ix_reviews_batch_id_id", "reviews")
    op.drop_column("reviews", "batch_id")
    for table in TABLES:
        op.drop_table(table)
    op.drop_table("batches")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_append_only() CASCADE")


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("name"),
        _text("role"),
        _text("password", nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        _at("created_at"),
        sa.CheckConstraint(f"role {ROLE}", name=op.f("ck_users_role")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "sessions",
        _text("token_sha256"),
        sa.Column("user_id", sa.Integer(), nullable=False),
        _text("agent"),
        _at("created_at"),
        _at("seen_at"),
        _at("expires_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("token_sha256"),
        sa.Column("user_id", sa.Integer(), nullable=False),
        _text("name"),
        _text("scope"),
        _at("created_at"),
        _at("used_at", nullable=True),
        _at("expires_at"),
        sa.CheckConstraint(f"scope {ROLE}", name=op.f("ck_tokens_scope")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tokens_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_sha256", name="uq_tokens_token_sha256"),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_table(
        "links",
        _text("token_sha256"),
        sa.Column("user_id", sa.Integer(), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_links_user_id"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_links"),
    )
    op.create_index("ix_links_user_id", "links", ["user_id"])
    op.create_table(
        "throttles",
        _text("key"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _at("blocked_until"),
        sa.PrimaryKeyConstraint("key", name="pk_throttles"),
    )


def _work() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("actor"),
        _text("action"),
        _text("entity"),
        _text("entity_id"),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        _at("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_actor_id", "audit", ["actor", "id"])
    op.create_index("ix_audit_action_id", "audit", ["action", "id"])
    op.create_index("ix_audit_entity_entity_id_id", "audit", ["entity", "entity_id", "id"])
    op.create_table(
        "queues",
        _text("id"),
        sa.Column("user_id", sa.Integer(), nullable=False),
        _text("title"),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("ids", sa.JSON(), nullable=False),
        _at("created_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_queues_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_queues"),
    )
    op.create_index("ix_queues_user_id_created_at", "queues", ["user_id", "created_at"])
    op.create_table(
        "batches",
        _text("id"),
        _text("reviewer"),
        _text("decision"),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        _at("created_at"),
        _at("undone_at", nullable=True),
        sa.CheckConstraint("decision IN ('none', 'approved', 'rejected', 'flagged')", name=op.f("ck_batches_decision")),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
    )
    op.create_index("ix_batches_created_at", "batches", ["created_at"])


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER audit_no_{change} BEFORE {change.upper()} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{SAID}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    for event, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER audit_no_{event.split()[0].lower()} BEFORE {event} ON audit "
            f"FOR EACH {each} EXECUTE FUNCTION audit_append_only()"
        )
