import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.llm.masking import PLACEHOLDER, Masker


def mask(text: str) -> str:
    return Masker().mask(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mail ann.o'neil+x@mail.example.co.uk now.", "Mail [email-1] now."),
        ("jürgen@müller.example geht nicht", "[email-1] geht nicht"),
        ("from 10.1.2.3 to 10.1.2.3 via 192.168.0.1", "from [ip-1] to [ip-1] via [ip-2]"),
        ("ping 2001:db8::8a2e:370:7334.", "ping [ip-1]."),
        ("fe80::1 answers", "[ip-1] answers"),
        ("card 4111 1111 1111 1111 12/27", "card [card-1] 12/27"),
        ("4111-1111-1111-1111", "[card-1]"),
        ("amex 378282246310005!", "amex [card-1]!"),
        (
            "IBAN DE89 3704 0044 0532 0130 00 please refund to GB82WEST12345698765432",
            "IBAN [iban-1] please refund to [iban-2]",
        ),
        ("password: hunter2!", "password: [secret-1]"),
        ("Passwort ist Sommer2026", "Passwort ist [secret-1]"),
        ("a senha é abc123", "a senha é [secret-1]"),
        ('{"api_key": "abcdef"}', '{"api_key": "[secret-1]"}'),
        ("DB_PASSWORD=tiger", "DB_PASSWORD=[secret-1]"),
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [token-1]"),
        ("key sk-" + "a1-B2" * 6, "key [token-1]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[token-1]"),
        ("AKIAIOSFODNN7EXAMPLE in the log", "[token-1] in the log"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123", "[token-1]"),
        ("postgres://bob:s3cret@db.intern/x", "postgres://bob:[secret-1]@db.intern/x"),
        ("d41d8cd98f00b204e9800998ecf8427e", "[token-1]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\nend",
            "[key-1]\nend",
        ),
    ],
)
def test_what_is_private_gets_a_placeholder(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111 1111 1111 1112 of 2026-03-03 12:30:45",
        "Ticket 123456789012 and build 10.0.19041.1",
        "The password is wrong. My password expired.",
        "Das Passwort ist abgelaufen.",
        "error 0x80070005 at 00:00:00, a::b, std::vector",
        "MAC aa:bb:cc:dd:ee:ff",
        "version 3.11.7, DE-Server 12",
        "/usr/lib/x86_64-linux-gnu/libsomething.so.6 and https://example.com/a/b?c=d",
        "follow @ann on the intranet",
        "Token expired",
    ],
)
def test_what_only_looks_private_stays(text: str) -> None:
    assert mask(text) == text


def test_a_value_has_one_name_in_all_texts_of_a_ticket() -> None:
    masker = Masker()

    assert masker.mask("bob@example.com") == "[email-1]"
    assert masker.mask("Ann@example.com wrote to Bob@example.com") == "[email-2] wrote to [email-1]"
    assert masker.found == {"email": 2}


_TEXTS = st.text() | st.text(
    alphabet=st.sampled_from("a1@.:- \n[]=/DE4password:sk-eyJ"), max_size=200
)


@given(_TEXTS)
def test_masking_twice_changes_nothing_more(text: str) -> None:
    masked = mask(text)

    assert mask(masked) == masked


@given(
    st.text(max_size=30),
    st.from_regex(
        r"[a-z][a-z0-9]{0,15}(\.[a-z0-9]{1,10})?@[a-z]{1,15}\.[a-z]{2,6}", fullmatch=True
    ),
)
def test_no_mail_address_gets_through(before: str, address: str) -> None:
    assert address not in mask(f"{before} <{address}> ")


@given(st.ip_addresses())
def test_no_address_of_a_machine_gets_through(address: object) -> None:
    text = str(address)
    if len(text) > 3 and any(c.isdecimal() for c in text):
        assert text not in mask(f"host {text} down")


@given(
    st.lists(st.integers(0, 9), min_size=11, max_size=14),
    st.sampled_from(["", " ", "-"]),
    st.integers(0, 20),
)
def test_no_card_gets_through(digits: list[int], separator: str, seed: int) -> None:
    body = [4, *digits]
    doubled = [sum(divmod(2 * d, 10)) if i % 2 == 0 else d for i, d in enumerate(body[::-1])]
    number = "".join(map(str, [*body, -sum(doubled) % 10]))
    written = separator.join(number[i : i + 4] for i in range(0, len(number), 4))

    masked = mask(f"It was {written}, thanks")

    assert masked == "It was [card-1], thanks"


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a@",
        "a.",
        "1 ",
        "1:",
        "-----BEGIN A PRIVATE KEY-----",
        "://",
        "eyJ",
        "DE12 ",
        "password:",
    ],
)
def test_a_hostile_text_costs_no_time(piece: str) -> None:
    text = (piece * 65_536)[:65_536]
    started = time.perf_counter()

    mask(text)

    assert time.perf_counter() - started < 3.0


def test_ordinary_text_is_masked_in_little_time() -> None:
    chance = random.Random(1)
    words = ["".join(chance.choices(string.ascii_lowercase, k=6)) for _ in range(1000)]
    text = " ".join(words)
    started = time.perf_counter()

    assert mask(text) == text

    assert time.perf_counter() - started < 0.5
    assert not PLACEHOLDER.search(text)
