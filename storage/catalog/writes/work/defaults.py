"""The numbers that an order was first carried out with."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import insert_into
from storage.catalog.records import NumbersOwner
from storage.catalog.schema import FirstNumbers


def store_first_numbers(
    s: Session,
    kind: NumbersOwner,
    name: str,
    profile: str,
    *,
    revision: str,
    numbers: Mapping[str, Any],
    replace: bool = False,
) -> None:
    """Remember the profile's numbers for a spec or a subject; with `replace` instead of those that were remembered."""
    keys = {"kind": kind, "name": name, "profile": profile}
    news: dict[str, Any] = {"revision": revision, "numbers": dict(numbers), "created_at": now()}
    insert = insert_into(s, FirstNumbers).values(keys | news)
    if replace:
        s.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=news))
    else:
        s.execute(insert.on_conflict_do_nothing(index_elements=list(keys)))
