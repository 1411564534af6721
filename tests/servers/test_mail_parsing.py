"""What is read out of mails, those that break every rule included."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.mail.automatic import Automatic
from servers.mail.html import html_to_text
from servers.mail.parsing import Mail, parse
from servers.mail.quoting import clean_subject, new_text, ticket_number

SAMPLES = Path(__file__).parent / "mail"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


def read(name: str) -> Mail:
    return parse(sample(name))


def test_encoded_headers_and_old_character_sets_are_read() -> None:
    mail = read("plain")

    assert (mail.sender_name, mail.sender) == ("Zoë Müller", "zoe@example.com")
    assert mail.title == "Drucker geht nicht über WLAN"
    assert mail.text == "Grüße aus dem Büro,\nder Drucker druckt nicht."
    assert (mail.message_id, mail.automatic) == ("plain-1@example.com", Automatic.NO)


def test_plain_text_is_preferred_and_all_files_are_kept_but_wrappings() -> None:
    mail = read("alternative")

    assert mail.text == "The VPN is down for everybody."
    assert [(file.name, file.content_type) for file in mail.files] == [
        ("logo.png", "image/png"),
        ("Netzübersicht.pdf", "application/pdf"),
        ("message.eml", "message/rfc822"),
    ]
    assert mail.files[0].data == b"\x89PNG\r\n\x1a\n"
    assert b"Look at this." in mail.files[2].data


def test_html_alone_becomes_text() -> None:
    mail = read("html")

    assert mail.said == (
        "Please order:\n\n- two screens\n- one keyboard (https://shop.example/k)\n"
        "Price: 20 € <each>"
    )
    assert "> What do you need?" in mail.text


def test_a_reply_names_what_it_answers_and_says_what_is_new() -> None:
    mail = read("reply")

    assert mail.references == ("alternative-1@example.com", "older@example.com")
    assert mail.said == "It is still down."
    assert "> Is it up again?" in mail.text


def test_a_bounce_names_the_mail_that_came_back() -> None:
    mail = read("bounce")

    assert mail.automatic is Automatic.BOUNCE
    assert mail.references == ("alternative-1@example.com",)
    assert mail.text == "<bo@example.com>: mailbox full"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vacation", Automatic.REPLY),
        ("cron", Automatic.GENERATED),
        ("list", Automatic.NO),  # a person wrote to a group that the desk is in
        ("outlook", Automatic.NO),
    ],
)
def test_programs_are_told_from_people(name: str, kind: Automatic) -> None:
    assert read(name).automatic is kind


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "X-Autoreply: yes",
        "Precedence: auto_reply",
        "Return-Path: <>",
        "In-Reply-To: <a@b>\nSubject: Out of Office: back on Monday",
        "References: <a@b>\nSubject: Abwesenheit bis Montag",
    ],
)
def test_each_sign_of_an_automatic_reply_is_known(header: str) -> None:
    assert parse(f"{header}\nFrom: a@b.example\n\nx".encode()).automatic is Automatic.REPLY


@pytest.mark.parametrize(
    "subject", ["Automatic reply does not work", "Abwesenheit am Freitag", "Out of office: where?"]
)
def test_a_person_may_ask_about_automatic_replies(subject: str) -> None:
    mail = parse(f"Subject: {subject}\nFrom: a@b.example\n\nx".encode())

    assert mail.automatic is Automatic.NO


def test_who_hands_a_mail_on_does_not_answer_it() -> None:
    kept = "--b\nContent-Type: message/rfc822\n\nMessage-ID: <old@example.com>\n\nx\n--b--"
    mail = parse(f"Content-Type: multipart/mixed; boundary=b\n\n{kept}".encode())

    assert [file.name for file in mail.files] == ["message.eml"]
    assert mail.references == ()


def test_a_broken_mail_is_read_as_far_as_it_goes() -> None:
    mail = read("broken")

    assert mail.subject.startswith("broken")
    assert mail.sender == ""
    assert "\x00" not in mail.text


def test_outlooks_quotes_are_cut_and_its_subject_names_the_ticket() -> None:
    mail = read("outlook")

    assert mail.said == "Danke, passt."
    assert (mail.title, mail.ticket_number) == ("Screen", 123)


def test_ids_that_no_index_could_hold_are_none() -> None:
    assert parse(f"Message-ID: <{'é' * 800}@x>\n\n".encode()).message_id == ""


def test_copies_of_a_mail_are_the_same_and_another_with_its_id_is_not() -> None:
    raw = sample("plain")
    other_way = raw.replace(b"mx.example.com", b"mx2.example.com")
    misnumbered = raw.replace(b"Drucker", b"Scanner")

    assert parse(raw).digest == parse(other_way).digest
    assert parse(raw).digest != parse(misnumbered).digest


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Yes.\n\nAm 3. März 2026 schrieb Desk:\n> ok?\n", "Yes."),
        ("Yes.\n\nLe 3 mars 2026 à 10:00, Desk a écrit :\n> ok ?", "Yes."),
        ("Yes.\n-----Original Message-----\nFrom: x", "Yes."),
        ("Yes.\n\n> ok?\n> or not?\n", "Yes."),
        ("> ok?\n\nYes.\n\n> sure?\n\nYes, sure.", "> ok?\n\nYes.\n\n> sure?\n\nYes, sure."),
        (
            "On Monday, 2 March, Desk wrote:\n> ok?\nYes.\n> sure?\nYes.",
            "On Monday, 2 March, Desk wrote:\n> ok?\nYes.\n> sure?\nYes.",
        ),
        ("> only a quote", "> only a quote"),
        ("On it: I wrote a letter.", "On it: I wrote a letter."),
        ("", ""),
    ],
)
def test_what_is_new_is_told_from_what_is_quoted(text: str, new: str) -> None:
    assert new_text(text) == new


@pytest.mark.parametrize(
    ("subject", "clean"),
    [
        ("Re: Fwd: RE[2]: Printer", "Printer"),
        ("AW: WG: [#12] Drucker", "Drucker"),
        ("Regarding: Printer", "Regarding: Printer"),
        ("Re:", ""),
    ],
)
def test_subjects_are_cleaned(subject: str, clean: str) -> None:
    assert clean_subject(subject) == clean


def test_a_ticket_number_stands_in_brackets() -> None:
    assert ticket_number("Re: [#12] x") == 12
    assert ticket_number("Invoice #12") is None


def test_markup_that_was_made_to_cost_time_costs_little() -> None:
    for piece in ("<!--", "<", "<a ", "<!", "&", "</", '<div x="', "<blockquote>", "<td> "):
        html_to_text(piece * 40_000)  # the suite's time limit is the test
    html_to_text("<" + "a" * 1_000_000)


def test_parts_in_parts_without_end_are_read_too() -> None:
    parts = [f"--{n}\nContent-Type: multipart/mixed; boundary={n + 1}\n\n" for n in range(3000)]

    mail = parse(
        ("Subject: deep\nContent-Type: multipart/mixed; boundary=0\n\n" + "".join(parts)).encode()
    )

    assert mail.subject == "deep"
    assert [file.name for file in mail.files] == ["message.eml"]


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        ("Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\n"),
        ("Content-Type: message/delivery-status\n\n", "a: b\n\n"),
        ("", "a:\n"),
    ],
)
def test_mails_of_more_pieces_than_memory_could_hold_come_whole(head: str, piece: str) -> None:
    raw = f"Subject: many\nFrom: a@b.example\n{head}{piece * 100_000}".encode()

    mail = parse(raw)

    assert (mail.subject, mail.sender) == ("many", "a@b.example")
    assert [file.data for file in mail.files] == [raw]


@pytest.mark.parametrize("name", ["From", "Subject", "Content-Type", "Message-ID", "References"])
@pytest.mark.parametrize(
    "piece", ["a", "(", '"', "a ", "=?utf-8?q?a?= ", ";a*1*=b", "<a@b>,", "\\"]
)
def test_headers_that_were_made_to_cost_time_cost_little(name: str, piece: str) -> None:
    check(parse(f"{name}: {piece * 1_000_000}\n\nx".encode()))


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(raw: bytes) -> None:
    check(parse(raw))


NAMES = st.sampled_from(
    [
        *("From", "Subject", "Message-ID", "References", "Date", "Content-Type", "To"),
        *("Content-Disposition", "Content-Transfer-Encoding", "Auto-Submitted", "Return-Path"),
    ]
)
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            *(
                "=?utf-8?b?4oKs?=",
                "=?x?q?=FF?=",
                "multipart/mixed; boundary=b",
                "text/html; charset=utf-7",
            ),
            *(
                "text/plain; charset=punycode",
                "multipart/alternative; boundary=b",
                "message/rfc822",
            ),
            *(
                "attachment; filename*0*=utf-16''%FF",
                "base64",
                "x-uuencode",
                "<a@b>",
                '"',
                "a@[",
                "::;,",
            ),
        ]
    ),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.lists(st.text(max_size=80), max_size=5))
def test_any_headers_and_parts_are_read(headers: list[tuple[str, str]], parts: list[str]) -> None:
    head = "".join(f"{name}: {value}\n" for name, value in headers)
    body = "".join(f"--b\n{head}\n{part}\n" for part in parts)

    check(parse(f"{head}\n{body}--b--".encode("utf-8", "replace")))


def check(mail: Mail) -> None:
    """It can be stored, and its quotes can be cut."""
    for text in (mail.subject, mail.text, mail.said, mail.title, mail.sender, mail.sender_name):
        text.encode()
        assert "\x00" not in text
    for name in [mail.message_id, *mail.references, *(file.name for file in mail.files)]:
        name.encode()
        assert "\x00" not in name
    assert len(mail.digest) == 64
    assert len(mail.sender) <= 254
