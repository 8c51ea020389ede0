"""Sources in S3 buckets, read with the credentials of this machine."""

from botocore.exceptions import BotoCoreError, ClientError

from storage.objects.client import s3_client
from storage.objects.s3_url import split_s3_url
from storage.objects.store import StoreError
from storage.redaction import redact_text, redact_url
from storage.sources import SourceError, too_large


def read_object(source: str, *, max_bytes: int) -> bytes:
    """Read the bytes of s3://bucket/key, whose key may be anything S3 allows. Raises SourceError."""
    try:
        bucket, key = split_s3_url(source)
    except StoreError as error:
        raise SourceError(str(error)) from error
    if not key:
        raise SourceError(f"{redact_url(source)!r} names a bucket; add the key of an object, s3://{bucket}/key")
    try:
        response = s3_client().get_object(Bucket=bucket, Key=key)
        with response["Body"] as body:
            data: bytes = body.read(max_bytes + 1)
    except (ClientError, BotoCoreError) as error:
        remedy = "check the bucket, the key, the credentials, AWS_REGION and AWS_ENDPOINT_URL"
        raise SourceError(f"{redact_url(source)!r} cannot be read: {redact_text(str(error))}; {remedy}") from error
    if len(data) > max_bytes:
        raise too_large(repr(redact_url(source)), max_bytes)
    return data
