"""The numbers that a spec or fine-tuning was first run with."""

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
    """Store the profile's numbers for a spec or a subject; existing ones are kept unless `replace`."""
    keys = {"kind": kind, "name": name, "profile": profile}
    news: dict[str, Any] = {"revision": revision, "numbers": dict(numbers), "created_at": now()}
    insert = insert_into(s, FirstNumbers).values(keys | news)
    if replace:
        s.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=news))
    else:
        s.execute(insert.on_conflict_do_nothing(index_elements=list(keys)))
