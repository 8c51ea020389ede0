"""What a user names by path or URL, read by this installation's rules, and shown without secrets."""

import re
from collections.abc import Iterable
from contextvars import ContextVar

from flows.settings import Settings
from storage.sources import SourceError, read_source

AHEAD_BYTES = 256 * 1024 * 1024  # of what was read ahead that is remembered

_ahead: ContextVar[dict[str, bytes] | None] = ContextVar("read ahead", default=None)


def read(source: str, settings: Settings) -> bytes:
    """The bytes at a path, https:// or s3:// URL; those that were read ahead, once. SourceError says why not."""
    ahead = _ahead.get()
    if ahead and source in ahead:
        return ahead.pop(source)
    return read_source(source, max_bytes=settings.max_source_bytes, allow_private=settings.allow_private_addresses)


def read_ahead(sources: Iterable[str], settings: Settings) -> dict[str, bytes]:
    """The bytes of those sources that can be read. The next `read` of each in this context fetches nothing again."""
    found: dict[str, bytes] = {}
    for source in dict.fromkeys(sources):
        try:
            found[source] = read(source, settings)
        except SourceError:
            continue  # whoever needs it says so, with its name
    ahead, left = {}, AHEAD_BYTES
    for source, data in found.items():
        left -= len(data)
        if left >= 0:
            ahead[source] = data
    _ahead.set(ahead)
    return found


def shown(source: str) -> str:
    """A source for people: of a URL neither user and password nor the query, which may carry a signature."""
    return re.sub(r"//[^/]*@", "//", source).partition("?")[0] if "://" in source else source
