"""Tables of subjects for orders: uploaded ones, checked as a whole, also against the catalog."""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session

from deploy.dashboard.resources import Resources
from flows.planning.feed_check import checked_with
from flows.spec.feed import Feed, read_feed
from storage.catalog import views, writes
from storage.ingest import storing
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob
from storage.sources import SourceError, object_digest, object_place
from storage.text import fault_of

KIND = "feed"
CSV = "text/csv"


def keep_feed(known: Resources, data: bytes, name: str, person: str) -> str:
    """Store an uploaded table and return its place, whatever is wrong with it: it is checked when it is read."""
    with storing(known.catalog, known.store, (data, CSV)) as (s, [sha256]):
        keep_order_file(s, sha256=sha256, kind=KIND, name=name, person=person)
    return object_place(sha256)


def keep_order_file(s: Session, *, sha256: str, kind: str, name: str, person: str) -> None:
    """Record a stored file as uploaded for orders, also in the audit."""
    name = name[:200] if fault_of(name) is None else kind
    writes.add_order_file(s, sha256=sha256, kind=kind, name=name, person=person)
    about = {"kind": kind, "name": name}
    writes.record_audit(s, actor=person, action="upload for orders", entity="blob", entity_id=sha256, after=about)


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
        return checked_with(feed, s)
