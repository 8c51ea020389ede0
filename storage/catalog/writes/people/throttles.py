"""Throttling of failed logins: after a few under one key (an address, a user at an address) the wait doubles each time.

The count is halved for every HALVED that passes after the last wait, so that old mistakes are forgotten.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import insert_into
from storage.catalog.schema import Throttle

FREE = 5  # failures without a wait: people mistype
LONGEST = 900.0  # seconds
HALVED = timedelta(minutes=15)
_FORGOTTEN = timedelta(days=1)  # by then every count is below one
_MOST = 60  # failures that are counted: the wait has long been the longest


def admit(s: Session, keys: Sequence[str]) -> float:
    """Return 0 and count a failure, until `forgive`, if a login may be attempted now; else the seconds to wait.

    Counting before the password is checked limits concurrent attempts to FREE.
    """
    _locked(s, keys)  # or concurrent attempts would all be admitted
    wait = seconds_to_wait(s, keys)
    if wait <= 0:
        record_failure(s, keys)
    return wait


def seconds_to_wait(s: Session, keys: Sequence[str]) -> float:
    """Return for how many seconds logins under any of the keys are still rejected."""
    until = s.scalars(select(Throttle.blocked_until).where(Throttle.key.in_(keys))).all()
    return max([(one - now()).total_seconds() for one in until] + [0.0])


def record_failure(s: Session, keys: Sequence[str]) -> None:
    """Count a failed login under each key; after FREE of them the wait is 1 s and doubles, up to LONGEST."""
    s.execute(delete(Throttle).where(Throttle.blocked_until < now() - _FORGOTTEN))
    for row in _locked(s, keys):
        row.failures = min(_counted(row) + 1, _MOST)
        over = row.failures - FREE - 1
        row.blocked_until = now() + timedelta(seconds=0.0 if over < 0 else min(2.0**over, LONGEST))
    s.flush()


def forgive(s: Session, keys: Sequence[str]) -> None:
    """Deduct, after a successful login, the failures counted under all of the keys.

    Failures for other users from the same address stay counted, or an attacker could reset them with an own account.
    """
    rows = _locked(s, keys)
    shared = min((_counted(row) for row in rows), default=0)
    for row in rows:
        row.failures = _counted(row) - shared
        row.blocked_until = now()
    s.flush()


def _counted(row: Throttle) -> int:
    """Return the failures, halved for every HALVED since the last wait ended."""
    return row.failures >> max(int((now() - row.blocked_until) / HALVED), 0)


def _locked(s: Session, keys: Sequence[str]) -> Sequence[Throttle]:
    """Return the rows of the keys, created if needed and locked until the transaction ends."""
    for key in sorted(set(keys)):
        fresh = insert_into(s, Throttle).values(key=key, failures=0, blocked_until=now())
        s.execute(fresh.on_conflict_do_nothing())
    chosen = select(Throttle).where(Throttle.key.in_(keys)).order_by(Throttle.key).with_for_update()
    return s.scalars(chosen.execution_options(populate_existing=True)).all()
