"""Totals of all work sessions, kept from one scrape to the next: each reads only what changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from storage.catalog import views
from storage.catalog.database.sql import instant
from storage.catalog.views import SessionTotals, WorkTotals

KEPT = timedelta(hours=1)  # a session that was not recorded for this long is over
OVERLAP = timedelta(minutes=2)  # between reads: rows that were committed late
SUMMED = ("device_seconds", "items", "failures", "leases_lost", "model_loads", "model_load_seconds")
Figures = dict[str, float]
Key = tuple[str, str]


class Totals:
    """Sums of the catalog's work sessions by kind of work and class of device. They never fall."""

    def __init__(self) -> None:
        self._over: dict[Key, Figures] = {}
        self._recent: dict[str, SessionTotals] = {}
        self._read_at: datetime | None = None
        self._loaded_at: datetime | None = None

    def read(self, s: Session) -> dict[Key, Figures]:
        """Return the totals as of now."""
        at = instant(s)
        if self._read_at is None or at - self._read_at > KEPT - OVERLAP:
            self._load(s, at)
        rows = views.session_totals(s, at - KEPT if self._read_at is None else self._read_at - OVERLAP)
        if any(self._unknown(one) for one in rows):  # a session that counted as over goes on
            self._load(s, at)
            rows = views.session_totals(s, at - KEPT)
        self._recent |= {one.id: one for one in rows}
        self._read_at = at
        ended = [one for one in self._recent.values() if one.seen_at < at - KEPT]
        _add(self._over, ended)
        for one in ended:
            del self._recent[one.id]
        totals = {key: dict(figures) for key, figures in self._over.items()}
        _add(totals, self._recent.values())
        return totals

    def _load(self, s: Session, at: datetime) -> None:
        self._over, self._recent, self._loaded_at, self._read_at = {}, {}, at, None
        _add(self._over, views.work_before(s, at - KEPT))

    def _unknown(self, one: SessionTotals) -> bool:
        began = self._read_at is not None and self._loaded_at is not None and one.started_at < self._loaded_at - KEPT
        return began and one.id not in self._recent


def _add(totals: dict[Key, Figures], rows: Iterable[WorkTotals]) -> None:
    for row in rows:
        sums = totals.setdefault((row.kind, row.device), dict.fromkeys(SUMMED, 0.0))
        for name in SUMMED:
            sums[name] += getattr(row, name)
