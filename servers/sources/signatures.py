"""Signatures of bodies, for the products that make some. All are hexadecimal HMAC-SHA256."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

#: Product -> the header of its signature.
HEADERS: Final = {
    "sentry": "sentry-hook-signature",
    "grafana": "x-grafana-alerting-signature",
}
#: Grafana signs the time too when it is told to send it, in a header of any name: this one is read.
TIMESTAMP: Final = "x-grafana-alerting-timestamp"
MOST_AGE: Final = timedelta(minutes=5)


def problem(
    product: str, secret: str, body: bytes, headers: Mapping[str, str], now: datetime
) -> str:
    """Return what is wrong with the signature of `body`, or "". Header names are in lower case."""
    name = HEADERS[product]
    given = headers.get(name, "")
    if not given:
        return f"The signature is missing: {name}."
    signed = body
    timestamp = headers.get(TIMESTAMP, "") if product == "grafana" else ""
    if timestamp:
        if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
            return f"{TIMESTAMP}: seconds since 1970 are needed."
        if abs(now.timestamp() - int(timestamp)) > MOST_AGE.total_seconds():
            return f"{TIMESTAMP}: it is more than five minutes off."
        signed = timestamp.encode() + b":" + body
    right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), given.strip().lower().encode()):
        return f"{name}: the signature is wrong."
    return ""
