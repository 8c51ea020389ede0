"""How a person wants the dashboard to behave."""

from sqlalchemy.orm import Session

from storage.catalog.records import PREFERENCES, CatalogError, NotInCatalogError
from storage.catalog.schema import User


def set_preference(s: Session, user_id: int, name: str, value: bool) -> None:
    """Change one preference of a person; PREFERENCES lists them with their defaults."""
    if name not in PREFERENCES:
        raise CatalogError(f"preference {name!r} is not known; use one of {', '.join(PREFERENCES)}")
    user = s.get(User, user_id)
    if user is None:
        raise NotInCatalogError(f"user {user_id} does not exist")
    user.preferences = {**(user.preferences or {}), name: value}
    s.flush()
