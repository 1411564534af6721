"""Mailboxes are read from a real IMAP server: every mail once, whatever dies in between."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from servers.models import Mailbox, MailMessage, MailResult
from servers.services import mailboxes
from servers.services.imap import Folder, MailboxFailed
from servers.services.mailboxes import mailbox_findings, problems, read_mailboxes, save_mailbox
from tests.certificates import self_signed
from tests.conftest import NOON
from tests.servers.imapserver import PASSWORD, USER, Server, imap_server
from tests.servers.test_mail_parsing import sample
from tests.servers.test_mails import letter, make_integration
from tickets.models import Comment, Ticket
from workers import tls
from workers.errors import PermanentError

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("imap"), "localhost")


@pytest.fixture
def server(certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8", "::1"]
    with imap_server(certificate) as running:
        monkeypatch.setattr(tls, "context", lambda: running.trusted)
        yield running


@pytest.fixture
def mailbox(server: Server) -> Mailbox:
    return make_mailbox(server)


def make_mailbox(server: Server, **values: Any) -> Mailbox:
    given = {
        "host": "localhost",
        "port": server.port,
        "user": USER,
        "password": PASSWORD,
        **values,
    }
    given["integration"] = values.get("integration") or make_integration()
    return save_mailbox(mailbox=None, values=given)


def read(mailbox: Mailbox) -> int:
    """Read it now, however short ago it was read."""
    mailboxes.read_soon(ids=[mailbox.pk])
    taken = read_mailboxes(clock=lambda: NOON)
    mailbox.refresh_from_db()
    return taken


def titles() -> list[str]:
    return list(Ticket.objects.order_by("pk").values_list("title", flat=True))


def test_new_mails_become_tickets_and_are_marked_as_seen(server: Server, mailbox: Mailbox) -> None:
    server.put(sample("plain"), sample("alternative"), sample("reply"))

    assert read(mailbox) == 3
    assert titles() == ["Drucker geht nicht über WLAN", "VPN is down"]
    assert Comment.objects.count() == 1
    assert server.seen() == [True, True, True]
    assert (mailbox.failures, mailbox.last_error, mailbox.read_at) == (0, "", NOON)

    server.put(letter(Subject="Later"))
    assert read(mailbox) == 1
    assert read(mailbox) == 0
    assert titles()[2:] == ["Later"]


def test_an_integration_has_one_mailbox_also_when_two_people_make_it_at_once(
    server: Server, mailbox: Mailbox
) -> None:
    with pytest.raises(PermanentError, match="has a mailbox already"):
        make_mailbox(server, integration=mailbox.integration)


def test_starttls_works_as_well(server: Server) -> None:
    mailbox = make_mailbox(server, port=server.plain_port, security="starttls")
    server.put(sample("plain"))

    assert read(mailbox) == 1


def test_read_mails_are_moved_when_a_folder_is_named(server: Server) -> None:
    mailbox = make_mailbox(server, move_to="Done ✓")
    with server.client() as client:
        client.create_folder("Done ✓")
    server.put(sample("plain"), sample("alternative"))

    assert read(mailbox) == 2

    assert server.seen() == []
    assert server.seen("Done ✓") == [True, True]


def test_mails_from_before_its_time_are_left_alone(server: Server) -> None:
    tomorrow = timezone.now().date() + timedelta(days=1)
    mailbox = make_mailbox(server, since=tomorrow)
    server.put(sample("plain"))

    assert read(mailbox) == 0
    assert server.seen() == [False]


def test_a_worker_that_dies_before_marking_does_nothing_twice(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(sample("plain"), sample("alternative"))
    with monkeypatch.context() as dying:
        dying.setattr(Folder, "mark", _die)
        with pytest.raises(KeyboardInterrupt):
            read(mailbox)
    assert len(titles()) == 2
    assert server.seen() == [False, False]
    assert read(mailbox) == 0  # its lease is still running

    Mailbox.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert read(mailbox) == 0
    assert len(titles()) == 2
    assert server.seen() == [True, True]


def test_a_worker_that_dies_before_the_commit_loses_nothing(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(sample("plain"))
    with monkeypatch.context() as dying:
        dying.setattr(mailboxes, "take_mail", _die)
        with pytest.raises(KeyboardInterrupt):
            read(mailbox)
    Mailbox.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert read(mailbox) == 1
    assert len(titles()) == 1


def test_a_worker_that_lost_its_lease_writes_nothing(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(sample("plain"), sample("alternative"))
    fetch = Folder.fetch

    def slowly(folder: Folder, uid: int) -> bytes | None:
        Mailbox.objects.update(lease_token="00000000-0000-0000-0000-000000000001")
        return fetch(folder, uid)

    monkeypatch.setattr(Folder, "fetch", slowly)

    assert read(mailbox) == 0
    assert titles() == []


def test_a_mail_that_kills_its_worker_is_passed_over(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(sample("plain"), sample("alternative"))
    take = mailboxes.take_mail

    def fragile(**given: Any) -> MailMessage:
        if b"Drucker" in given["raw"]:
            raise KeyboardInterrupt
        return take(**given)

    monkeypatch.setattr(mailboxes, "take_mail", fragile)
    for _ in range(mailboxes.MOST_TRIES):
        with pytest.raises(KeyboardInterrupt):
            read(mailbox)
        Mailbox.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert read(mailbox) == 2
    assert titles() == ["VPN is down"]
    assert "begun 3 times" in MailMessage.objects.get(result=MailResult.FAILED).detail
    assert "1 mail waits for a decision" in mailbox_findings(NOON)[0]


def test_a_database_that_goes_away_leaves_the_mail_for_later(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(sample("plain"))

    def away(**_: Any) -> None:
        raise OperationalError

    with monkeypatch.context() as broken:
        broken.setattr(mailboxes, "take_mail", away)
        with pytest.raises(OperationalError):
            read(mailbox)
    Mailbox.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert read(mailbox) == 1
    assert MailMessage.objects.get().result == MailResult.OPENED


def test_new_uids_of_the_same_mails_change_nothing(server: Server, mailbox: Mailbox) -> None:
    server.put(sample("plain"))
    assert read(mailbox) == 1
    Mailbox.objects.update(uidvalidity=1)

    assert read(mailbox) == 1
    assert len(titles()) == 1
    assert server.seen() == [True]


def test_two_copies_of_a_mail_are_both_marked(server: Server, mailbox: Mailbox) -> None:
    server.put(sample("plain"), sample("plain").replace(b"mx.example.com", b"mx2.example.com"))

    assert read(mailbox) == 2
    assert len(titles()) == 1
    assert server.seen() == [True, True]


def test_a_mail_that_the_server_fails_to_hand_out_keeps_no_other_from_its_turn(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(sample("plain"), sample("alternative"))
    fetch = Folder.fetch

    def broken(folder: Folder, uid: int) -> bytes | None:
        if b"Drucker" in (raw := fetch(folder, uid) or b""):
            raise MailboxFailed("The mail server failed: SERVERBUG")
        return raw

    monkeypatch.setattr(Folder, "fetch", broken)
    for _ in range(mailboxes.MOST_TRIES):
        assert read(mailbox) == 0
    assert mailbox.failures == 1  # each reading was asked for

    assert read(mailbox) == 2
    assert titles() == ["VPN is down"]


def test_a_mail_that_is_listed_and_not_handed_out_is_noted(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(sample("plain"))
    monkeypatch.setattr(Folder, "fetch", lambda *_: None)

    assert read(mailbox) == 1

    assert "does not hand it out" in MailMessage.objects.get().detail


def test_a_mail_that_is_too_large_is_noted_and_not_fetched(
    server: Server, mailbox: Mailbox, settings: Any
) -> None:
    settings.MESSAGE_MAX_MB = 1
    server.put(letter("x" * 70 + "\n" + ("y" * 70 + "\n") * 16_000), sample("plain"))

    assert read(mailbox) == 2
    assert len(titles()) == 1
    assert "at most 1 MB" in MailMessage.objects.get(result=MailResult.FAILED).detail
    assert server.seen() == [True, True]


def test_more_than_a_run_takes_are_read_at_once_in_the_next(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "MOST_IN_RUN", 2)
    server.put(*(letter(Subject=f"Number {n}") for n in range(5)))

    assert read(mailbox) == 5
    assert titles() == [f"Number {n}" for n in range(5)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"password": "wrong-secret"}, "failed"),
        ({"folder": "Nowhere"}, "failed"),
        ({"port": 9}, "connection failed"),
    ],
)
def test_a_mailbox_that_fails_says_why_and_waits_longer_each_time(
    server: Server, wrong: dict[str, Any], told: str
) -> None:
    mailbox = make_mailbox(server, **wrong)

    for _ in range(3):
        Mailbox.objects.update(next_at=timezone.now())
        assert read_mailboxes(clock=lambda: NOON) == 0
    assert read_mailboxes(clock=lambda: NOON) == 0

    mailbox.refresh_from_db()
    assert mailbox.failures == 3
    assert told in mailbox.last_error
    assert "wrong-secret" not in mailbox.last_error
    assert mailbox.next_at > timezone.now() + timedelta(seconds=90)
    [finding] = mailbox_findings(NOON)
    assert finding == "The mailbox of Support cannot be read: the admin tells why (Mailboxes)."


def test_a_mailbox_that_no_worker_reads_is_a_finding(mailbox: Mailbox) -> None:
    now = timezone.now() + timedelta(minutes=6)

    [finding] = mailbox_findings(now)
    assert "does a worker read the queue watch?" in finding

    Mailbox.objects.update(lease_until=now + timedelta(minutes=1))
    assert mailbox_findings(now) == []


def test_a_certificate_of_nobody_is_refused(
    server: Server, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    read(mailbox)

    assert "certificate verify failed" in mailbox.last_error


def test_private_addresses_are_read_only_when_an_operator_allows_it(
    server: Server, mailbox: Mailbox, settings: Any
) -> None:
    settings.OUTGOING_ALLOW = []

    read(mailbox)

    assert "not a public address" in mailbox.last_error
    assert "host" in problems({"host": "localhost", "password": "x"})


def test_a_mailbox_that_is_switched_off_is_not_read(server: Server, mailbox: Mailbox) -> None:
    server.put(sample("plain"))
    save_mailbox(mailbox=mailbox, values={"enabled": False})

    assert read(mailbox) == 0


def test_a_new_host_gets_no_password_that_was_given_for_another(mailbox: Mailbox) -> None:
    assert "password" in problems({"host": "127.0.0.1"}, mailbox=mailbox)
    assert problems({"host": "127.0.0.1", "password": "new"}, mailbox=mailbox) == {}
    assert problems({"host": "LOCALHOST", "folder": "Queue"}, mailbox=mailbox) == {}


@pytest.mark.parametrize("values", [{"move_to": "inbox"}, {"folder": "Done", "move_to": "Done"}])
def test_mails_are_not_moved_to_where_they_are_read(
    mailbox: Mailbox, values: dict[str, Any]
) -> None:
    assert "move_to" in problems(values, mailbox=mailbox)


@pytest.mark.parametrize("host", ["imap.example.com:993", "imap.example.com/x", "a@b", "::1"])
def test_a_host_is_a_name_alone(mailbox: Mailbox, host: str) -> None:
    assert problems({"host": host, "password": "x"}, mailbox=mailbox)["host"] == [
        "Give the name of the mail server alone, such as imap.example.com."
    ]


def test_another_folder_is_read_from_its_beginning(server: Server, mailbox: Mailbox) -> None:
    server.put(sample("plain"))
    read(mailbox)

    save_mailbox(mailbox=mailbox, values={"folder": "Sent"})

    assert (mailbox.last_uid, mailbox.uidvalidity) == (0, None)


def _die(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
