"""Signatures as Sentry and Grafana make them."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from servers.sources.signatures import problem

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
BODY = b'{"status": "firing"}'
SECRET = "not-a-real-secret"


def signed(text: bytes) -> str:
    return hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("product", "header"),
    [("sentry", "sentry-hook-signature"), ("grafana", "x-grafana-alerting-signature")],
)
def test_a_right_signature_passes_and_all_others_do_not(product: str, header: str) -> None:
    assert problem(product, SECRET, BODY, {header: signed(BODY)}, NOW) == ""
    assert "wrong" in problem(product, SECRET, BODY + b" ", {header: signed(BODY)}, NOW)
    assert "wrong" in problem(product, SECRET, BODY, {header: "ünsigned"}, NOW)
    assert "missing" in problem(product, SECRET, BODY, {}, NOW)


def grafana(seconds: str) -> str:
    headers = {
        "x-grafana-alerting-signature": signed(seconds.encode() + b":" + BODY),
        "x-grafana-alerting-timestamp": seconds,
    }
    return problem("grafana", SECRET, BODY, headers, NOW)


def test_grafana_may_sign_the_time_too_and_old_bodies_are_refused() -> None:
    now = int(NOW.timestamp())

    assert grafana(str(now - 200)) == ""
    assert "five minutes" in grafana(str(now - 400))
    assert "five minutes" in grafana(str(now + 400))
    assert "seconds since 1970" in grafana("yesterday")
