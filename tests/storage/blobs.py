from storage.objects import ObjectStore
from storage.objects.blobs import place_blobs


def put_blob(store: ObjectStore, data: bytes, content_type: str) -> str:
    """Store `data` and return its address, the SHA-256 in 64 hex digits."""
    return place_blobs(store, [(data, content_type)])[0][0]
