"""The subjects of a spec that are read from a feed: `subjects: {from: feed.csv}` stands for the rows of the file."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

from flows.resources import Resources
from flows.spec.feed import MAX_BYTES, Feed, listed, read_feed
from flows.spec.problems import PlacedError
from storage.objects import open_store
from storage.sources import SourceError, read_source

FROM = "from"
SCHEMA = {
    "type": "object",
    "title": "A feed",
    "properties": {FROM: {"type": "string", "title": "A CSV file: a path, https://, s3:// or object://"}},
    "required": [FROM],
    "additionalProperties": False,
}
"""The JSON schema of `subjects` as a feed."""
ReadFeed = Callable[[str], Feed]


def read_place(place: str) -> Feed:
    """Read a feed from a path or URL under this installation's rules. Raises SourceError, StoreError."""
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


def expanded_subjects(given: Any) -> Any:
    """Return the entries of a feed for {from: PLACE}, anything else unchanged. Raises PlacedError with all faults."""
    if not isinstance(given, dict):
        return given
    place = given.get(FROM)
    if set(given) != {FROM} or not isinstance(place, str) or not place.strip():
        raise PlacedError([], "must be a list of subjects, or a mapping such as {from: feed.csv}")
    try:
        feed = reads_feeds.get()(place)
    except SourceError as error:
        raise PlacedError([FROM], str(error)) from error
    if feed.faults:
        count = len(feed.faults)
        remedy = "correct the file; `dreamtuner check-subjects` lists all faults"
        raise PlacedError([FROM], f"{count:,} {'fault' if count == 1 else 'faults'}: {listed(feed.faults)}; {remedy}")
    return feed.subjects
