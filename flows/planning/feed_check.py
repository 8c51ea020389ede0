"""Compares a table of subjects with the catalog: names that it knows, and what they mean there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.spec.feed import Feed
from flows.spec.feed_table import Fault
from storage.catalog import views
from storage.catalog.name_conflicts import UnknownNames

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def checked_with(feed: Feed, s: Session | None) -> Feed:
    """Return the feed with the faults that only the catalog shows; rows with a fault are not among its rows.

    `s`: None if there is no catalog yet, which knows no subject.
    """
    more = against_catalog(feed, s)
    wrong = {one.row for one in more}
    rows = tuple(one for one in feed.rows if one.row not in wrong)
    return Feed(rows, tuple(sorted((*feed.faults, *more), key=lambda one: one.row)))


def against_catalog(feed: Feed, s: Session | None) -> Sequence[Fault]:
    """Return the rows that name an unknown subject, or contradict the one of their name in the catalog."""
    stored = {} if s is None else views.subject_states(s, [one.subject.name for one in feed.rows])
    unknown = [one for one in feed.rows if one.subject.name not in stored and not one.subject.is_new]
    names = UnknownNames(lambda: () if s is None else views.subject_names(s))
    faults = [Fault(one.row, "name", names.message(one.subject.name)) for one in unknown]
    for one in feed.rows:
        there = stored.get(one.subject.name)
        if there is None:
            continue
        style = one.subject.style or ("natural" if one.subject.is_new else None)
        pairs = (("class_word", one.subject.class_word, there.class_word), ("style", style, there.style))
        for field, ours, theirs in pairs:
            if ours is not None and ours != theirs:
                what = f"is {ours!r}, but the catalog's {there.name!r} has {theirs!r}"
                faults.append(Fault(one.row, field, f"{what}; correct it, or give the subject another name"))
    return faults
