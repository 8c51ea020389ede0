"""The object store: immutable bytes under keys, in a folder or in an S3 bucket, behind one Protocol."""

from .blobs import DigestMismatchError, get_blob, save_blob
from .disk import DiskStore
from .opening import open_store
from .store import ChecksumMismatchError, ObjectMissingError, ObjectStat, ObjectStore, Put, StoreError
from .uploader import Uploader

__all__ = [
    "ChecksumMismatchError",
    "DigestMismatchError",
    "DiskStore",
    "ObjectMissingError",
    "ObjectStat",
    "ObjectStore",
    "Put",
    "StoreError",
    "Uploader",
    "get_blob",
    "open_store",
    "save_blob",
]
