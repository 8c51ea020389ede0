"""Looks up subjects and runs by name or id, with suggestions for similar names."""

from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.catalog.records import NotInCatalogError
from storage.catalog.schema import Run, Subject

SHORTEST = 4  # characters of a run id that identify it
_LISTED = 500  # names that are searched for similar ones


def subject_id(s: Session, name: str) -> int:
    """Return the id of the subject `name`. Raises NotInCatalogError with similar names."""
    found = s.scalar(select(Subject.id).where(Subject.name == name))
    if found is None:
        names = s.scalars(select(Subject.name).order_by(Subject.id.desc()).limit(_LISTED)).all()
        raise NotInCatalogError(f"no subject is called {name!r}; {_instead(name, names)}")
    return found


def run_ids(s: Session, text: str) -> list[str]:
    """Return the runs named `text`, or the one whose id begins with it. Raises NotInCatalogError with similar names."""
    found = list(s.scalars(select(Run.id).where(Run.name == text).order_by(Run.started_at)))
    if not found and len(text) >= SHORTEST:
        found = list(s.scalars(select(Run.id).where(Run.id.startswith(text, autoescape=True)).limit(2)))
        if len(found) > 1:
            raise NotInCatalogError(f"several runs have an id that begins with {text!r}; give more characters")
    if not found:
        names = s.scalars(select(Run.name).order_by(Run.started_at.desc()).limit(_LISTED)).all()
        raise NotInCatalogError(f"no run has the name or id {text!r}; {_instead(text, names)}")
    return found


def _instead(text: str, names: Sequence[str]) -> str:
    near = get_close_matches(text, dict.fromkeys(names), n=3) or list(dict.fromkeys(names))[:5]
    if not near:
        return "the catalog has none yet"
    return f"there {'is' if len(near) == 1 else 'are'} {', '.join(map(repr, near))}"
