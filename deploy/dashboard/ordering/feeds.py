"""Tables of subjects for orders: uploaded ones, checked as a whole, also against the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from deploy.dashboard.resources import Resources
from flows.spec.feed import Fault, Feed, read_feed
from storage.catalog import views, writes
from storage.catalog.name_conflicts import unknown_name_message
from storage.ingest import storing
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob
from storage.sources import SourceError, object_digest, object_place

KIND = "feed"
CSV = "text/csv"


def keep_feed(known: Resources, data: bytes, name: str, person: str) -> str:
    """Store an uploaded table and return its place, whatever is wrong with it: it is checked when it is read."""
    with storing(known.catalog, known.store, (data, CSV)) as (s, [sha256]):
        writes.add_order_file(s, sha256=sha256, kind=KIND, name=name, person=person)
    return object_place(sha256)


def feed_reader(known: Resources) -> partial[Feed]:
    """Return what reads feeds for orders: uploaded ones alone, no file of this machine and no address."""
    return partial(read_uploaded, known)


def read_uploaded(known: Resources, place: str) -> Feed:
    """Read an uploaded table and compare it with the catalog. Raises SourceError."""
    sha256 = object_digest(place)
    if sha256 is None:
        raise SourceError(f"{place[:90]!r} is not an uploaded table; upload the CSV file here")
    with known.catalog.read() as s:
        there = views.order_file(s, sha256, KIND)
    if there is None:
        raise SourceError(f"{place[:24]}... was never uploaded as a table of subjects; upload the CSV file here")
    try:
        data = get_blob(known.store, sha256)
    except (ObjectMissingError, DigestMismatchError) as error:
        raise SourceError(f"the uploaded table {there.name} is lost ({error}); upload it again") from error
    feed = read_feed(data, paths=False)
    with known.catalog.read() as s:
        more = against_catalog(feed, s)
    wrong = {one.row for one in more}
    rows = tuple(one for one in feed.rows if one.row not in wrong)
    return Feed(rows, tuple(sorted((*feed.faults, *more), key=lambda one: one.row)))


def against_catalog(feed: Feed, s: Session) -> Sequence[Fault]:
    """Return the rows that name an unknown subject, or contradict the one of their name in the catalog."""
    stored = views.subject_states(s, [one.subject.name for one in feed.rows])
    unknown = [one for one in feed.rows if one.subject.name not in stored and not one.subject.is_new]
    names = views.subject_names(s) if unknown else ()
    faults = [Fault(one.row, "name", unknown_name_message(one.subject.name, names)) for one in unknown[:200]]
    faults += [Fault(one.row, "name", f"there is no subject {one.subject.name!r}") for one in unknown[200:]]
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
