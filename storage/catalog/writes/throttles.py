"""Failed logins: after a few under one name or from one address the next have to wait, longer each time."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.base import now
from storage.catalog.schema import Throttle
from storage.catalog.sql import insert_into

FREE = 5  # failures that cost nothing: people mistype
LONGEST = 900.0  # seconds


def seconds_to_wait(s: Session, keys: list[str]) -> float:
    """For how many seconds logins under any of the keys are still refused."""
    until = s.scalars(select(Throttle.blocked_until).where(Throttle.key.in_(keys))).all()
    return max([(one - now()).total_seconds() for one in until] + [0.0])


def record_failure(s: Session, keys: list[str]) -> None:
    """Count a failed login under each key; after FREE of them the wait is 1 s and doubles, up to LONGEST."""
    for key in sorted(keys):
        row = s.scalar(select(Throttle).where(Throttle.key == key).with_for_update())
        failures = 1 if row is None else row.failures + 1
        wait = 0.0 if failures <= FREE else min(2.0 ** min(failures - FREE - 1, 20), LONGEST)
        news = {"failures": failures, "blocked_until": now() + timedelta(seconds=wait)}
        insert = insert_into(s, Throttle).values(key=key, **news)
        s.execute(insert.on_conflict_do_update(index_elements=[Throttle.key], set_=news))


def forgive(s: Session, keys: list[str]) -> None:
    """A login succeeded: nothing is counted against the keys any more."""
    s.execute(delete(Throttle).where(Throttle.key.in_(keys)))
