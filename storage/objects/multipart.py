"""Multipart uploads: a lost connection costs one part, and S3 accepts at most 5 GB per request."""

import logging
from typing import Any

from botocore.exceptions import ClientError

from storage.objects.client import code_of, status_of
from storage.objects.probe import Guarantees, checksum_of
from storage.objects.store import Data

PART = 8 * 1024 * 1024  # bytes; S3 wants at least 5 MiB and at most 10,000 parts
LARGE = 2 * PART  # larger objects are uploaded in parts
_log = logging.getLogger(__name__)


def put_in_parts(client: Any, place: dict[str, str], data: Data, content_type: str, given: Guarantees) -> bool:
    """Upload `data` to `place` unless it exists; return whether this wrote it. It appears only when complete.

    Each part is sent with its SHA-256 if the server checks it. Raises boto3's errors.
    """
    algorithm = {"ChecksumAlgorithm": "SHA256"} if given.checksums else {}
    begun = client.create_multipart_upload(**place, ContentType=content_type, **algorithm)
    upload = {**place, "UploadId": begun["UploadId"]}
    try:
        pieces = (bytes(data[i : i + PART]) for i in range(0, len(data), PART))
        parts = [_part(client, upload, i, piece, given) for i, piece in enumerate(pieces)]
        condition = {"IfNoneMatch": "*"} if given.conditional_put else {}
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
    except BaseException as error:
        _abort(client, upload)
        if isinstance(error, ClientError) and (status_of(error) == 412 or code_of(error) == "PreconditionFailed"):
            return False
        raise
    return True


def _part(client: Any, upload: dict[str, str], index: int, data: bytes, given: Guarantees) -> dict[str, Any]:
    checksum = {"ChecksumSHA256": checksum_of(data)} if given.checksums else {}
    number = {"PartNumber": index + 1}
    sent = client.upload_part(**upload, **number, Body=data, **checksum)
    return {**number, "ETag": sent["ETag"], **checksum}


def _abort(client: Any, upload: dict[str, str]) -> None:
    """Abort the upload, as its parts would be billed until a lifecycle rule of the bucket removes them."""
    try:
        client.abort_multipart_upload(**upload)
    except Exception as error:
        _log.warning("the upload of %s could not be aborted: %s", upload["Key"], error)
