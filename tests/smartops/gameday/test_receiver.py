"""The receiver of a game day's messages: what is signed counts, once or twice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from sla.signing import new_secret, signed_headers
from smartops.gameday.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as there:
        yield there


def post(url: str, secret: str, message_id: str) -> int:
    body = json.dumps({"type": "sla.breached"}).encode()
    headers = signed_headers(body, message_id=message_id, secrets=[secret], at=datetime.now(UTC))
    try:
        with urlopen(Request(url, body, headers), timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_it_counts_messages_by_channel_and_tells_repetitions(receiver: Receiver) -> None:
    secret = new_secret()
    url = receiver.address_of("7", secret)

    assert [post(url, secret, name) for name in ("msg_1", "msg_2", "msg_1")] == [204, 204, 204]
    assert receiver.received == {"msg_1": 2, "msg_2": 1}
    assert receiver.by_channel == {"7": 3}


def test_a_wrong_signature_or_an_unknown_channel_counts_as_forged(receiver: Receiver) -> None:
    url = receiver.address_of("7", new_secret())

    assert post(url, new_secret(), "msg_1") == 401
    assert post(f"{receiver.url}/8", new_secret(), "msg_1") == 401
    assert (receiver.forged, receiver.received) == (2, {})


def test_only_this_machine_reaches_it(receiver: Receiver) -> None:
    assert receiver.url.startswith("http://127.0.0.1:")
