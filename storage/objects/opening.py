"""Which store an address means."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.objects.disk import DiskStore
from storage.objects.s3 import S3Store
from storage.objects.store import ObjectStore, StoreError


def open_store(url_or_path: str) -> ObjectStore:
    """The store at a folder's path, a file:// URL, or s3://bucket/prefix. Nothing is made or asked for yet."""
    if url_or_path.startswith("s3://"):
        return S3Store.from_url(url_or_path)
    if url_or_path.startswith("file://"):
        return DiskStore(Path(unquote(urlsplit(url_or_path).path)))
    if "://" in url_or_path or not url_or_path:
        raise StoreError(f"object store {url_or_path!r} is neither a folder nor s3://bucket/prefix; use one of these")
    return DiskStore(Path(url_or_path))
