"""Bring the catalog's schema up to date and create the bucket if it is missing: before anything else of a stack starts.

`python3 -m deploy.images.prepare`. Again after every update; it changes nothing where nothing is to be done.
"""

import sys

from flows.settings import Settings, SettingsError
from storage.catalog import Catalog
from storage.catalog.records import CatalogError
from storage.objects.s3_url import split_s3_url
from storage.objects.store import StoreError

PATIENCE_SECONDS = 120.0


def prepare(settings: Settings) -> list[str]:
    """Do both, and return what was found, one sentence each. Raises CatalogError, StoreError.

    A database server that does not answer yet is waited for, for up to two minutes.
    """
    with Catalog.open(settings.catalog_url, patience=PATIENCE_SECONDS):
        said = ["catalog: its schema is up to date"]
    if settings.store_url.startswith("s3://"):
        bucket, _ = split_s3_url(settings.store_url)
        said.append(f"bucket {bucket}: {'created' if _created(bucket) else 'there'}")
    return said


def _created(bucket: str) -> bool:
    """Create the bucket unless it exists; return whether it was created."""
    from storage.objects.client import s3_client, s3_errors, status_of

    client = s3_client()
    with s3_errors(bucket, ""):
        try:
            client.head_bucket(Bucket=bucket)
            return False
        except client.exceptions.ClientError as error:
            if status_of(error) != 404:
                raise
        client.create_bucket(Bucket=bucket)
    return True


if __name__ == "__main__":
    try:
        print("\n".join(prepare(Settings.load())))
    except (SettingsError, CatalogError, StoreError) as error:
        sys.exit(str(error))
