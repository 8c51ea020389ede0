"""Tables of subjects for orders, checked as a whole, also against the catalog: uploaded ones, and those of a run."""

from __future__ import annotations

import json
from functools import partial

from pydantic import ValidationError

from deploy.dashboard.resources import Resources
from flows.planning.feed_check import checked_with
from flows.spec.feed import Feed, FeedRow, read_feed
from flows.spec.problems import dotted, problems_of
from flows.spec.subject import SubjectSpec
from storage.catalog import views, writes
from storage.catalog.records import NotInCatalogError
from storage.ingest import storing
from storage.objects import DigestMismatchError, ObjectMissingError, get_blob
from storage.redaction import HIDDEN
from storage.sources import SourceError, object_digest, object_place

KIND = "feed"
CSV = "text/csv"
RUN = "run://"
"""The subjects of a run, in an order that begins from one: run:// and its id."""


def keep_feed(known: Resources, data: bytes, name: str, person: str) -> str:
    """Store an uploaded table and return its place, whatever is wrong with it: it is checked when it is read."""
    with storing(known.catalog, known.store, (data, CSV)) as (s, [sha256]):
        writes.add_order_file(s, sha256=sha256, kind=KIND, name=name, person=person)
    return object_place(sha256)


def feed_reader(known: Resources) -> partial[Feed]:
    """Return what reads feeds for orders: uploaded ones and runs, no file of this machine and no address."""
    return partial(read_feed_of, known)


def run_place(run_id: str) -> str:
    """Return how an order names the subjects of a run."""
    return f"{RUN}{run_id}"


def run_of(place: str) -> str | None:
    """Return the run that a place names; None for an uploaded table."""
    return place.removeprefix(RUN) if place.startswith(RUN) else None


def read_feed_of(known: Resources, place: str) -> Feed:
    """Read an uploaded table or the subjects of a run, and compare them with the catalog. Raises SourceError."""
    run_id = run_of(place)
    return read_uploaded(known, place) if run_id is None else _of_run(known, run_id)


def _of_run(known: Resources, run_id: str) -> Feed:
    with known.catalog.read() as s:
        try:
            entries = views.spec_of_run(s, run_id[:64]).get("subjects") or ()
        except NotInCatalogError as error:
            raise SourceError(str(error)) from error
    if HIDDEN in json.dumps(entries):
        what = "an address of the run's subjects had a password or signature, which is not stored"
        raise SourceError(f"{what}; upload the subjects as a table")
    try:
        rows = [FeedRow(i, SubjectSpec.model_validate(one)) for i, one in enumerate(entries, 1)]
    except ValidationError as error:
        what = dotted(problems_of(error, SubjectSpec)[0].path)
        raise SourceError(f"the subjects of the run were written by another version ({what}); upload them") from error
    with known.catalog.read() as s:
        return checked_with(Feed(tuple(rows), ()), s)


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
