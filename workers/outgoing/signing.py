"""Signatures of messages, as in Standard Webhooks: https://www.standardwebhooks.com."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from secrets import token_bytes

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret to be shared with one receiver."""
    return PREFIX + b64encode(token_bytes(SECRET_BYTES)).decode()


def signed(
    secrets: Sequence[str], message_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The headers that prove whose `body` is, one signature for each secret.

    A receiver takes whichever it can verify, so that a secret can be changed without
    a gap. `at` is when it is sent: a receiver refuses what is minutes old.
    """
    timestamp = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(one, content) for one in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    key = b64decode(secret.removeprefix(PREFIX), validate=True)
    return "v1," + b64encode(hmac.digest(key, content, "sha256")).decode()
