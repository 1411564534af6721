"""Mail servers that break every rule: reading them ends, in bytes and in time, with a word about why."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from servers.models import Mailbox
from servers.services import imap
from servers.services.mailboxes import read_mailboxes, save_mailbox
from tests.certificates import self_signed
from tests.conftest import NOON
from tests.servers.targets import port
from tests.servers.test_mails import make_integration
from workers import tls

pytestmark = pytest.mark.django_db
#: What the server says to a command, beside that it is done.
Says = Callable[[bytes], Iterator[bytes]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("imap"), "localhost")


@pytest.fixture(autouse=True)
def trusted(certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8", "::1"]
    context = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(tls, "context", lambda: context)


def talker(certificate: Path, says: Says) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(link: socket.socket) -> None:
        with context.wrap_socket(link, server_side=True) as secure:
            secure.sendall(b"* OK [CAPABILITY IMAP4rev1] Hello\r\n")
            for line in secure.makefile("rb"):
                tag, _, command = line.strip().partition(b" ")
                for piece in says(command):
                    secure.sendall(piece)
                secure.sendall(tag + b" OK Done\r\n")

    return talk


def well_behaved(command: bytes) -> bytes:
    """What a server with one mail of a hundred bytes says."""
    if command == b"CAPABILITY":
        return b"* CAPABILITY IMAP4rev1\r\n"
    if command.startswith(b"SELECT"):
        return b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] Yes\r\n"
    if command.startswith(b"UID SEARCH"):
        return b"* SEARCH 1\r\n"
    if b"RFC822.SIZE" in command:
        return b"* 1 FETCH (UID 1 RFC822.SIZE 100)\r\n"
    return b""


def read(number: int, **fields: Any) -> Mailbox:
    given = {
        "host": "localhost",
        "port": number,
        "user": "support",
        "password": "wrong-horse",
        **fields,
    }
    mailbox = save_mailbox(mailbox=None, values={"integration": make_integration(), **given})
    assert read_mailboxes(clock=lambda: NOON) == 0
    mailbox.refresh_from_db()
    return mailbox


def endless(start: bytes, piece: bytes) -> Iterator[bytes]:
    yield start
    while True:
        yield piece


@pytest.mark.parametrize(
    ("to", "start", "piece"),
    [
        (b"UID FETCH 1 (BODY", b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\n", b"x" * 65536),
        (b"UID FETCH 1 (BODY", b"* 1 FETCH (UID 1 BODY[] {30000000}\r\n", b"x" * 65536),
        (b"UID FETCH 1 (BODY", b"", b"* 1 EXISTS\r\n" * 4096),
        (b"UID SEARCH", b"* SEARCH ", b"1 " * 32768),
        (b"SELECT", b"", b"* OK [ALERT] More\r\n" * 4096),
        (b"LOGIN", b"* ", b"x" * 65536),
    ],
)
def test_an_answer_without_end_is_not_read_to_its_end(
    certificate: Path, to: bytes, start: bytes, piece: bytes
) -> None:
    def says(command: bytes) -> Iterator[bytes]:
        if command.startswith(to):
            return endless(start, piece)
        return iter([well_behaved(command)])

    with port(talker(certificate, says)) as number:
        mailbox = read(number)

    assert "longer than it may be" in mailbox.last_error
    assert mailbox.failures == 1


def test_a_server_that_drips_is_left(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(imap, "SECONDS", 0.2)
    over = threading.Event()

    def drip() -> Iterator[bytes]:
        while not over.wait(0.02):  # a byte in less than the longest wait for one
            yield b"x"

    def says(command: bytes) -> Iterator[bytes]:
        return drip() if command.startswith(b"SELECT") else iter([well_behaved(command)])

    with port(talker(certificate, says)) as number:
        mailbox = read(number)
        over.set()

    assert "took too long" in mailbox.last_error


@pytest.mark.parametrize(
    ("to", "nonsense"),
    [
        (b"SELECT", b"* OK [UIDVALIDITY -3] Yes\r\n"),
        (b"SELECT", b"* OK [UIDVALIDITY x] Yes\r\n"),
        (b"SELECT", b"* OK Yes\r\n"),
        (b"UID SEARCH", b"* SEARCH one two\r\n"),
        (b"UID FETCH", b"* 1 FETCH (UID (((\r\n"),
        (b"UID FETCH", b"* 1 FETCH (UID 1 RFC822.SIZE ()))\r\n"),
        (b"UID FETCH", b"\xff\x00\r\n"),
        (b"UID FETCH", b"* 1 FETCH (UID 1 BODY[] {" + b"9" * 5000 + b"}\r\n"),
    ],
)
def test_an_answer_that_means_nothing_is_told_and_tried_again_later(
    certificate: Path, to: bytes, nonsense: bytes
) -> None:
    def says(command: bytes) -> Iterator[bytes]:
        yield nonsense if command.startswith(to) else well_behaved(command)

    with port(talker(certificate, says)) as number:
        mailbox = read(number)

    assert mailbox.last_error.startswith("The mail server failed: ")
    assert mailbox.failures == 1
    assert mailbox.lease_token is None


def test_uids_that_no_server_may_give_are_none(certificate: Path) -> None:
    def says(command: bytes) -> Iterator[bytes]:
        if command.startswith(b"UID SEARCH"):
            yield b"* SEARCH 0 99999999999999999999999\r\n"
        else:
            yield well_behaved(command)

    with port(talker(certificate, says)) as number:
        assert read(number).last_error == ""


def test_nothing_counts_that_was_said_before_the_encryption(certificate: Path) -> None:
    """Somebody on the way adds answers to the one that begins the encryption."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(link: socket.socket) -> None:
        link.sendall(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] Hello\r\n")
        while not (line := link.recv(1000)).upper().rstrip().endswith(b"STARTTLS"):
            link.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + line.split()[0] + b" OK Done\r\n")
        link.sendall(line.split()[0] + b" OK Begin\r\n* CAPABILITY IMAP4rev1 EVIL\r\n")
        with context.wrap_socket(link, server_side=True) as secure:
            secure.recv(1)

    with port(talk) as number:
        mailbox = read(number, security="starttls")

    assert "plain text after it had agreed to encrypt" in mailbox.last_error


def test_a_password_with_other_letters_is_sent(certificate: Path) -> None:
    heard: list[bytes] = []

    def says(command: bytes) -> Iterator[bytes]:
        heard.append(command)
        if command.startswith(b"AUTHENTICATE"):
            yield b"+ \r\n"  # what follows is no command of its own: the talk ends soon
        else:
            yield well_behaved(command)

    with port(talker(certificate, says)) as number:
        mailbox = read(number, password="pässwort")

    assert b"AUTHENTICATE PLAIN" in heard
    assert "pässwort" not in mailbox.last_error
