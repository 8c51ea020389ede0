"""API tokens, with which programs act for a user, never beyond the user's role."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.records import API_RIGHTS, ROLES, SCOPES, ApiRight, CatalogError, NotInCatalogError, Role, Scope
from storage.catalog.schema import ApiToken, User
from storage.catalog.writes.audit import record_audit

MAX_NAME = 64


def add_token(
    s: Session,
    *,
    user_id: int,
    token_sha256: str,
    name: str,
    scope: Scope,
    expires_at: datetime,
    actor: str,
    rights: Collection[ApiRight] = (),
) -> int:
    """Add an API token and return its id. A scope that is a role is limited to the user's role at this time.

    `rights`: of a token of the scope "api". Raises CatalogError for an invalid name or scope, and for rights that are
    unknown or beyond the user's role; NotInCatalogError for an unknown user.
    """
    if scope not in SCOPES:
        raise CatalogError(f"scope {scope!r} is not known; use one of {', '.join(SCOPES)}")
    if not name.strip() or len(name) > MAX_NAME:
        raise CatalogError(f"name of the token: use 1 to {MAX_NAME} characters that describe its purpose")
    role = s.scalar(select(User.role).where(User.id == user_id))
    if role is None:
        raise NotInCatalogError(f"user {user_id} is not in the catalog; the users page lists them")
    _check_rights(scope, rights, role)
    right = scope if scope in ("metrics", "api") else min(scope, role, key=ROLES.index)
    token = ApiToken(user_id=user_id, token_sha256=token_sha256, name=name.strip(), scope=right, expires_at=expires_at)
    token.rights = " ".join(one for one in API_RIGHTS if one in rights) or None
    s.add(token)
    s.flush()
    after = {"name": token.name, "scope": right, "expires_at": expires_at.isoformat()}
    after |= {"rights": token.rights} if token.rights else {}
    record_audit(s, actor=actor, action="add token", entity="token", entity_id=token.id, after=after)
    return token.id


def _check_rights(scope: Scope, rights: Collection[str], role: Role) -> None:
    if scope != "api" and rights:
        raise CatalogError(f"rights: only tokens of the scope api have them, and this one's is {scope}; choose api")
    if scope == "api" and not rights:
        raise CatalogError(f"rights: a token of the scope api needs at least one of {', '.join(API_RIGHTS)}")
    for one in rights:
        needed = next((role for name, role in API_RIGHTS.items() if name == one), None)
        if needed is None:
            raise CatalogError(f"rights: {one[:40]!r} is not known; use of {', '.join(API_RIGHTS)}")
        if ROLES.index(needed) > ROLES.index(role):
            raise CatalogError(f"rights: {one} needs the role {needed}, the user's is {role}; leave it out")


def narrow_tokens(s: Session, user_id: int, role: Role) -> None:
    """Permanently limit the user's tokens to `role`."""
    beyond = ROLES[ROLES.index(role) + 1 :]
    s.execute(update(ApiToken).where(ApiToken.user_id == user_id, ApiToken.scope.in_(beyond)).values(scope=role))
    for token in s.scalars(select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.scope == "api")):
        left = [one for one in (token.rights or "").split() if _needed(one) not in beyond]
        token.rights = " ".join(left)


def _needed(right: str) -> Role:
    return next((role for name, role in API_RIGHTS.items() if name == right), "admin")


def touch_token(s: Session, token_id: int) -> None:
    """Record that the token was used."""
    s.execute(update(ApiToken).where(ApiToken.id == token_id).values(used_at=now()))


def revoke_token(s: Session, token_id: int, *, actor: str, user_id: int | None = None) -> None:
    """End a token; with `user_id` only if it is that user's."""
    chosen = delete(ApiToken).where(ApiToken.id == token_id)
    if user_id is not None:
        chosen = chosen.where(ApiToken.user_id == user_id)
    gone = s.scalars(chosen.returning(ApiToken.name)).first()
    if gone is not None:
        record_audit(s, actor=actor, action="revoke token", entity="token", entity_id=token_id, before={"name": gone})
