"""Opens the store at a path or URL."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.objects.disk import DiskStore
from storage.objects.s3_url import MISSING, split_s3_url
from storage.objects.store import ObjectStore, StoreError
from storage.redaction import redact_url

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""Matches the beginning of a URL, so that an incomplete URL is not taken for a folder."""


def open_store(url_or_path: str) -> ObjectStore:
    """Open the store at a folder's path, a file:// URL, or s3://bucket/prefix, without accessing it yet.

    Raises StoreError for other URLs; write ./s3:name for a folder whose name looks like a URL.
    """
    if url_or_path.startswith("s3://"):
        return _open_s3(*split_s3_url(url_or_path))
    parts = urlsplit(url_or_path) if url_or_path.startswith("file://") else None
    if parts is not None and parts.path.startswith("/") and parts.netloc in ("", "localhost"):
        return DiskStore(Path(unquote(parts.path)))
    if _SCHEME.match(url_or_path) or not url_or_path.strip():
        use = "use a path, file:///path, or s3://bucket/prefix"
        raise StoreError(f"object store {redact_url(url_or_path)!r} is neither a folder nor s3://bucket/prefix; {use}")
    return DiskStore(Path(url_or_path))


def _open_s3(bucket: str, prefix: str) -> ObjectStore:
    try:
        from storage.objects.s3 import S3Store  # boto3 is an extra
    except ModuleNotFoundError as error:
        raise StoreError(f"object store s3://{bucket}: {MISSING}") from error
    return S3Store(bucket, prefix)
