"""API tokens of the scope "metrics", which read /metrics of the dashboard and nothing else."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ROLES = "'viewer', 'reviewer', 'operator', 'admin'"


def upgrade() -> None:
    _allow(f"'metrics', {ROLES}")


def downgrade() -> None:
    """Tokens of the scope are revoked: what they would become may do more."""
    op.execute("DELETE FROM tokens WHERE scope = 'metrics'")
    _allow(ROLES)


def _allow(scopes: str) -> None:
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_constraint(op.f("ck_tokens_scope"), type_="check")
        tokens.create_check_constraint(op.f("ck_tokens_scope"), f"scope IN ({scopes})")
