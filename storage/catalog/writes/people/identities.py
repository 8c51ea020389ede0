"""Users of single sign-on, identified by issuer and subject, and created at their first login."""

from itertools import count

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from storage.catalog.records import AccountDisabledError, Role
from storage.catalog.schema import Identity, User
from storage.catalog.writes.people.people import add_user
from storage.catalog.writes.people.tokens import MAX_NAME


def sign_on(s: Session, *, issuer: str, subject: str, name: str, role: Role) -> int:
    """Return the id of the user identified by `issuer` and `subject`, creating `name` with `role` if needed.

    A number is appended if the name is taken: an existing account with that name is never reused.
    Raises AccountDisabledError if an administrator disabled the account.
    """
    found = s.get(Identity, (issuer, subject))
    if found is None:
        user_id = add_user(s, name=_free(s, name), role=role, actor=issuer[:200])
        s.add(Identity(issuer=issuer, subject=subject, user_id=user_id))
        s.flush()
        return user_id
    user = s.get_one(User, found.user_id)
    if not user.active:
        raise AccountDisabledError(user.name)
    return found.user_id


def _free(s: Session, name: str) -> str:
    """Return the name, printable and short, with a number appended if it is taken."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())[: MAX_NAME - 6].strip() or "guest"
    for number in count(1):
        one = plain if number == 1 else f"{plain} {number}"
        taken = select(User.id).where(or_(User.name == one, func.lower(User.name) == one.lower()))
        if s.scalar(taken) is None:
            return one
    raise AssertionError("numbers do not end")
