"""The object store: immutable bytes under keys, in a folder or in an S3 bucket, behind one Protocol."""

from storage.objects.blobs import DigestMismatch, get_blob
from storage.objects.disk import DiskStore
from storage.objects.opening import open_store
from storage.objects.store import ChecksumMismatch, ObjectMissing, ObjectStat, ObjectStore, Put, StoreError
from storage.objects.uploader import Uploader

__all__ = [
    "ChecksumMismatch",
    "DigestMismatch",
    "DiskStore",
    "ObjectMissing",
    "ObjectStat",
    "ObjectStore",
    "Put",
    "StoreError",
    "Uploader",
    "get_blob",
    "open_store",
]
