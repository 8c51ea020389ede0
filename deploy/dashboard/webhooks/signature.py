"""The headers of a webhook's request, by Standard Webhooks 1: id, time, and signatures over both and the body."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def headers(message_id: str, seconds: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of a request that is sent at `seconds` since 1970, signed by each of the secrets."""
    signatures = " ".join(sign(one, message_id, seconds, body) for one in secrets)
    return {"webhook-id": message_id, "webhook-timestamp": str(seconds), "webhook-signature": signatures}


def sign(secret: str, message_id: str, seconds: int, body: bytes) -> str:
    """Return the signature by one secret: HMAC-SHA256 of "id.time.body" in base64, after "v1,".

    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
