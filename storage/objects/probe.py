"""Probes what an S3-compatible server guarantees: few implement all of S3."""

import base64
import hashlib
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from storage.objects.client import s3_errors, status_of
from storage.objects.store import Data, StoreError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Guarantees:
    """What the server guarantees; S3Store compensates for the rest as `missing` describes."""

    conditional_put: bool = True
    checksums: bool = True
    conditional_parts: bool = True

    def missing(self, bucket: str) -> list[str]:
        """Describe each guarantee that the bucket lacks, and what is done instead."""
        said = {
            "conditional_put": "no conditional put (If-None-Match): keys are looked up before writing, so of two "
            "simultaneous writers both may be told that they wrote it; blobs are unaffected",
            "checksums": "no SHA-256 checksums of uploads: every object is read back once and compared",
            "conditional_parts": "no conditional multipart uploads: large objects are sent in one piece, at most 5 GB",
        }
        return [f"bucket {bucket} has {text}" for name, text in said.items() if not getattr(self, name)]


def checksum_of(data: Data) -> str:
    """Compute the SHA-256 in base64, as S3 expects it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def probe(client: Any, bucket: str, prefix: str = "") -> Guarantees:
    """Probe the bucket with two small objects below `prefix`, and remove them.

    Raises StoreError if writing, reading or deleting is not possible.
    """
    name = f"{prefix}probe/{uuid.uuid4().hex}"
    place, other = {"Bucket": bucket, "Key": name}, {"Bucket": bucket, "Key": f"{name}-2"}
    data = b"abcd"
    with s3_errors(bucket, name):
        try:
            conditional = _refuses_the_second(client, place, data)
            if client.get_object(**place)["Body"].read() != data:
                raise StoreError(f"bucket {bucket} returns other bytes than were stored; use another server")
            return Guarantees(
                conditional_put=conditional,
                checksums=_refuses_wrong_checksum(client, other),
                conditional_parts=conditional and _refuses_parts(client, place, data),
            )
        finally:
            _remove(client, place, other)


def _refuses_the_second(client: Any, place: dict[str, str], data: bytes) -> bool:
    try:
        client.put_object(**place, Body=data, IfNoneMatch="*")
    except ClientError as error:
        if status_of(error) not in (400, 405, 409, 501):
            raise
        client.put_object(**place, Body=data)  # the header is not supported, but writing is
        return False
    try:
        client.put_object(**place, Body=data, IfNoneMatch="*")
    except ClientError as error:
        return status_of(error) in (409, 412)
    return False


def _refuses_parts(client: Any, place: dict[str, str], data: bytes) -> bool:
    """Return whether completing a multipart upload does not replace the object at `place`."""
    upload = {**place, "UploadId": client.create_multipart_upload(**place)["UploadId"]}
    try:
        tag = client.upload_part(**upload, PartNumber=1, Body=data)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
        client.complete_multipart_upload(**upload, MultipartUpload=parts, IfNoneMatch="*")
    except ClientError as error:
        client.abort_multipart_upload(**upload)
        if status_of(error) in (400, 409, 412, 501):
            return status_of(error) in (409, 412)
        raise
    return False


def _refuses_wrong_checksum(client: Any, place: dict[str, str]) -> bool:
    try:
        client.put_object(**place, Body=b"x", ChecksumSHA256=checksum_of(b"y"))
    except ClientError as error:
        if status_of(error) // 100 == 4:
            return True
        raise
    return False


def _remove(client: Any, *places: dict[str, str]) -> None:
    for place in places:
        try:
            client.delete_object(**place)
        except Exception as error:  # what went wrong before matters more
            _log.warning("the probe %s could not be removed: %s", place["Key"], error)
