"""What a user names by path or URL, read by this installation's rules, and shown without secrets."""

import re

from flows.settings import Settings
from storage.sources import read_source


def read(source: str, settings: Settings) -> bytes:
    """The bytes at a path, https:// or s3:// URL. SourceError says why not."""
    return read_source(source, max_bytes=settings.max_source_bytes, allow_private=settings.allow_private_addresses)


def shown(source: str) -> str:
    """A source for people: of a URL neither user and password nor the query, which may carry a signature."""
    return re.sub(r"//[^/]*@", "//", source).partition("?")[0] if "://" in source else source
