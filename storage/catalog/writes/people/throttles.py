"""Failed logins: after a few under one key (an address, a person at an address) each next one has to wait, ever longer.

The count is halved for every HALVED that passes after the last wait, so that a mistake of last week costs nothing.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.catalog.database.base import now
from storage.catalog.database.sql import insert_into
from storage.catalog.schema import Throttle

FREE = 5  # failures that cost nothing: people mistype
LONGEST = 900.0  # seconds
HALVED = timedelta(minutes=15)
_FORGOTTEN = timedelta(days=1)  # by then every count is below one
_MOST = 60  # failures that are counted: the wait has long been the longest


def admit(s: Session, keys: Sequence[str]) -> float:
    """0 if a login under these keys may be tried now, and it counts as failed until `forgive`; else seconds to wait.

    It is counted before the password is compared: of many tries at once no more than FREE are compared.
    """
    _locked(s, keys)  # or several tries at once would all find that there is nothing to wait for
    wait = seconds_to_wait(s, keys)
    if wait <= 0:
        record_failure(s, keys)
    return wait


def seconds_to_wait(s: Session, keys: Sequence[str]) -> float:
    """For how many seconds logins under any of the keys are still refused."""
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
    """A login succeeded: what was counted under all of the keys is taken off each of them.

    What others failed from the same address stays counted, or an account of one's own would buy guesses at another.
    """
    rows = _locked(s, keys)
    shared = min((_counted(row) for row in rows), default=0)
    for row in rows:
        row.failures = _counted(row) - shared
        row.blocked_until = now()
    s.flush()


def _counted(row: Throttle) -> int:
    """The failures, halved for every HALVED since the last wait ended."""
    return row.failures >> max(int((now() - row.blocked_until) / HALVED), 0)


def _locked(s: Session, keys: Sequence[str]) -> Sequence[Throttle]:
    """The rows of the keys, made if need be and locked until the transaction ends."""
    for key in sorted(set(keys)):
        fresh = insert_into(s, Throttle).values(key=key, failures=0, blocked_until=now())
        s.execute(fresh.on_conflict_do_nothing())
    chosen = select(Throttle).where(Throttle.key.in_(keys)).order_by(Throttle.key).with_for_update()
    return s.scalars(chosen.execution_options(populate_existing=True)).all()
