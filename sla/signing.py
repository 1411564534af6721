"""Signatures of webhooks, as Standard Webhooks has them."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signed_headers(
    body: bytes, *, message_id: str, secrets: Sequence[str], at: datetime
) -> dict[str, str]:
    """Return the headers that let a receiver check `body`: one signature for each secret that is valid.

    `message_id` stays the same over all attempts, so that the receiver can tell a repetition.
    """
    moment = at.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(
            Webhook(secret).sign(msg_id=message_id, timestamp=moment, data=text)
            for secret in secrets
        ),
    }
