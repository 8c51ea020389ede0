"""The subjects of a spec that are read from a feed: `subjects: {from: feed.csv}` stands for the rows of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.resources import Resources
from flows.spec.problems import PlacedError
from storage.sources import SourceError, read_source

if TYPE_CHECKING:
    from flows.spec.feed import Feed  # most specs name no feed, and load none of it

FROM = "from"
SCHEMA = {
    "type": "object",
    "title": "A feed",
    "properties": {FROM: {"type": "string", "title": "A CSV file: a path, https://, s3:// or object://"}},
    "required": [FROM],
    "additionalProperties": False,
}
"""The JSON schema of `subjects` as a feed."""
ReadFeed = Callable[[str], "Feed"]


def read_place(place: str) -> Feed:
    """Read a feed from a path or URL under this installation's rules. Raises SourceError, StoreError."""
    from flows.spec.feed import MAX_BYTES, read_feed
    from storage.objects import open_store

    settings = Resources.open().settings
    data = read_source(
        place,
        max_bytes=MAX_BYTES,
        allow_private=settings.allow_private_addresses,
        store=partial(open_store, settings.store_url),
    )
    local = "://" not in place
    return read_feed(data, base=Path(place).absolute().parent if local else None, paths=True)


reads_feeds: ContextVar[ReadFeed] = ContextVar("reads feeds", default=read_place)
"""What reads the feeds of specs; who validates specs of other people sets one that reads no files of this machine."""


def with_feed(content: Mapping[str, Any], *, projects: bool) -> dict[str, Any]:
    """Return the content of a spec whose `subjects` are a feed, with the feed's rows as subjects.

    `projects`: whether a spec may have a `project`, which is that of the feed's rows if it states none. Raises
    PlacedError with all faults.
    """
    from flows.spec.feed import PROJECT

    feed = _read(content["subjects"])
    named = feed.project()
    if named is None:
        return {**content, "subjects": feed.subjects}
    if not projects:
        raise PlacedError(["subjects", FROM], f"its rows are of project {named!r}, but runs have no projects here")
    stated = content.get(PROJECT)
    if stated not in (None, named):
        what = f"is {stated!r}, but the rows of the table are of {named!r}; correct one of them"
        raise PlacedError([PROJECT], what)
    return {**content, "subjects": feed.subjects, PROJECT: named}


def _read(given: Mapping[str, Any]) -> Feed:
    place = given.get(FROM)
    if set(given) != {FROM} or not isinstance(place, str) or not place.strip():
        raise PlacedError(["subjects"], "must be a list of subjects, or a mapping such as {from: feed.csv}")
    try:
        feed = reads_feeds.get()(place)
    except SourceError as error:
        raise PlacedError(["subjects", FROM], str(error)) from error
    if feed.faults:
        from flows.spec.feed import listed

        count = len(feed.faults)
        remedy = "correct the file; `dreamtuner check-subjects` lists all faults"
        what = f"{count:,} {'fault' if count == 1 else 'faults'}: {listed(feed.faults)}; {remedy}"
        raise PlacedError(["subjects", FROM], what)
    return feed
