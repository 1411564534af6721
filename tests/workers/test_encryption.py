from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sla.signing import new_secret, signed_headers
from workers.encryption import Unreadable, decrypt, encrypt


def test_what_is_kept_does_not_show_what_it_is_and_can_be_read_again() -> None:
    kept = encrypt("whsec_abc")

    assert "abc" not in kept
    assert decrypt(kept) == "whsec_abc"
    assert (encrypt(""), decrypt("")) == ("", "")


def test_after_a_change_of_the_key_the_old_one_still_reads_as_a_fallback(settings: Any) -> None:
    kept, old = encrypt("whsec_abc"), settings.SECRET_KEY
    settings.SECRET_KEY = "another-key-" * 5

    with pytest.raises(Unreadable):
        decrypt(kept)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert decrypt(kept) == "whsec_abc"


def test_while_secrets_are_rotated_a_receiver_with_either_can_check() -> None:
    old, new, body = new_secret(), new_secret(), b'{"type":"test"}'
    headers = signed_headers(body, message_id="msg_1", secrets=[new, old], at=datetime.now(UTC))

    for secret in (old, new):
        assert Webhook(secret).verify(body, headers) == {"type": "test"}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(b'{"type":"tesT"}', headers)
