"""Mails become tickets and comments, each once."""

from copy import copy
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail as outbox
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.utils import timezone

from servers.management.commands import read_mail
from servers.models import Integration, Mailbox, MailMessage, MailResult
from servers.services import mails
from servers.services.mails import MOST_FROM_ONE, retry_mails, take_mail
from tests.conftest import NOON
from tests.factories import make_ticket, make_user
from tests.servers.test_mail_parsing import SAMPLES, sample
from tickets import services
from tickets.lifecycle import Status
from tickets.models import Attachment, Comment, Content, Department, Ticket
from tickets.references import message_id, ticket_of
from tickets.services import forget_unused_contents

pytestmark = pytest.mark.django_db


@pytest.fixture
def integration() -> Integration:
    return make_integration()


def make_integration(**fields: Any) -> Integration:
    return Integration.objects.create(
        **{"name": "Support", "source": "email", "key_hash": "x" * 64, "key_hint": "x", **fields}
    )


def letter(text: str = "Hello", *, sender: str = "bo@example.com", **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = sender
    message["Message-ID"] = f"<{abs(hash((text, sender, *headers.items())))}@example.com>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def take(integration: Integration, raw: bytes, **given: Any) -> MailMessage:
    return take_mail(integration=integration, raw=raw, now=given.pop("now", NOON), **given)


def our_id(ticket: Ticket) -> str:
    return message_id(ticket=ticket.pk, unique="msg_1", domain="desk.example.org")


def move(ticket: Ticket, *statuses: Status) -> None:
    for status in statuses:
        services.move_tickets(ids=[ticket.pk], status=status, actor="ana", now=NOON)


def test_a_mail_opens_a_ticket_with_its_files(integration: Integration) -> None:
    integration.department = Department.objects.get(name="Facilities")

    row = take(integration, sample("alternative"))

    ticket = Ticket.objects.get()
    assert (row.result, row.ticket) == (MailResult.OPENED, ticket)
    assert (ticket.title, ticket.source) == ("VPN is down", "email")
    assert ticket.description == "The VPN is down for everybody."
    assert (ticket.requester_name, ticket.requester_email) == ("Bo", "bo@example.com")
    assert ticket.department == integration.department
    names = ["logo.png", "Netzübersicht.pdf", "message.eml"]
    assert list(Attachment.objects.order_by("pk").values_list("name", flat=True)) == names


def test_the_same_mail_again_changes_nothing(integration: Integration) -> None:
    first = take(integration, sample("plain"))
    again = take(integration, sample("plain").replace(b"mx.example.com", b"mx2.example.com"))

    assert again == first
    assert Ticket.objects.count() == MailMessage.objects.count() == 1


def test_a_reply_to_a_known_mail_is_the_requesters_comment(integration: Integration) -> None:
    take(integration, sample("alternative"))

    row = take(integration, sample("reply"))

    comment = Comment.objects.get()
    assert row.result == MailResult.COMMENTED
    assert (comment.body, comment.author) == ("It is still down.", "bo@example.com")
    assert comment.from_requester
    assert comment.public


def test_a_reply_to_our_own_mail_finds_its_ticket(integration: Integration) -> None:
    ticket = make_ticket(requester_email="bo@example.com")

    row = take(integration, letter(In_Reply_To=our_id(ticket)))

    assert (row.result, row.ticket) == (MailResult.COMMENTED, ticket)


def test_nobody_makes_up_one_of_our_ids(integration: Integration) -> None:
    ticket = make_ticket(requester_email="bo@example.com")
    forged = our_id(ticket).replace(f"ticket-{ticket.pk}.", f"ticket-{ticket.pk + 1}.")

    assert ticket_of(forged.strip("<>")) is None
    assert take(integration, letter(In_Reply_To=forged)).result == MailResult.OPENED


def test_a_key_that_was_changed_still_knows_its_ids(settings: Any) -> None:
    ticket = make_ticket()
    reference = our_id(ticket).strip("<>")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "n" * 50

    assert ticket_of(reference) == ticket.pk


@pytest.mark.parametrize(
    ("sender", "result"),
    [
        ("bo@example.com", MailResult.COMMENTED),
        ("Ana@Desk.example", MailResult.COMMENTED),
        ("stranger@example.net", MailResult.OPENED),
    ],
)
def test_a_number_in_the_subject_counts_for_those_who_take_part(
    integration: Integration, agent: User, sender: str, result: MailResult
) -> None:
    User.objects.filter(pk=agent.pk).update(email="ana@desk.example")
    ticket = make_ticket(requester_email="Bo@example.com", assignee="ana")

    row = take(integration, letter(sender=sender, Subject=f"Re: [#{ticket.pk}] Screen"))

    assert row.result == result


def test_a_number_of_a_merged_ticket_counts_for_those_who_took_part_in_it(
    integration: Integration,
) -> None:
    one, other = make_ticket(requester_email="bo@example.com"), make_ticket()
    services.merge_tickets(source=one.pk, into=other.pk, actor="ana", now=NOON)

    row = take(integration, letter(Subject=f"Re: [#{one.pk}] Screen"))

    assert (row.result, row.ticket) == (MailResult.COMMENTED, other)


def test_an_agent_answers_in_public_only_to_a_mail_of_ours(
    integration: Integration, agent: User
) -> None:
    User.objects.filter(pk=agent.pk).update(email="ana@desk.example")
    ticket = make_ticket(requester_email="bo@example.com", assignee="ana")
    number = f"[#{ticket.pk}]"

    take(integration, letter("Maybe me", sender="ana@desk.example", Subject=number))
    theirs = take(integration, letter("More", In_Reply_To=our_id(ticket))).message_id
    take(integration, letter("Me?", sender="ana@desk.example", In_Reply_To=f"<{theirs}>"))
    take(integration, letter("Me", sender="ana@desk.example", In_Reply_To=our_id(ticket)))

    said = Comment.objects.order_by("pk").values_list("author", "public", "from_requester")
    assert list(said) == [
        ("ana", False, False),
        ("bo@example.com", True, True),
        ("ana", False, False),
        ("ana", True, False),
    ]
    ticket.refresh_from_db()
    assert ticket.first_response_at == NOON


def test_an_answer_reopens_what_was_resolved_or_closed(integration: Integration) -> None:
    for statuses in ([Status.RESOLVED], [Status.RESOLVED, Status.CLOSED], [Status.CANCELLED]):
        ticket = make_ticket(requester_email="bo@example.com")
        move(ticket, *statuses)

        row = take(integration, letter(In_Reply_To=our_id(ticket)))

        ticket.refresh_from_db()
        assert (row.result, ticket.status) == (MailResult.REOPENED, Status.OPEN)


def test_an_answer_that_comes_too_late_opens_a_ticket_that_names_the_old_one(
    integration: Integration, settings: Any
) -> None:
    ticket = make_ticket(requester_email="bo@example.com")
    move(ticket, Status.RESOLVED, Status.CLOSED)
    late = NOON + timedelta(days=settings.REOPEN_DAYS + 1)

    row = take(integration, letter("Again!", In_Reply_To=our_id(ticket)), now=late)

    assert row.result == MailResult.OPENED
    assert row.ticket != ticket
    assert row.ticket is not None
    assert f"#{ticket.pk}" in row.ticket.description


def test_an_answer_follows_a_merged_ticket(integration: Integration) -> None:
    one, other = make_ticket(requester_email="bo@example.com"), make_ticket()
    services.merge_tickets(source=one.pk, into=other.pk, actor="ana", now=NOON)

    assert take(integration, letter(In_Reply_To=our_id(one))).ticket == other


@pytest.mark.parametrize("name", ["vacation", "bounce", "cron"])
def test_programs_open_nothing(integration: Integration, name: str) -> None:
    row = take(integration, sample(name))

    assert row.result == MailResult.IGNORED
    assert row.detail
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("name", ["vacation", "bounce"])
def test_programs_answers_are_internal_comments_that_reopen_nothing(
    integration: Integration, name: str
) -> None:
    ticket = take(integration, sample("alternative")).ticket
    assert ticket is not None
    move(ticket, Status.RESOLVED)

    assert take(integration, sample(name)).result == MailResult.NOTED

    ticket.refresh_from_db()
    assert ticket.status == Status.RESOLVED
    assert not Comment.objects.get().public


def test_a_mailbox_can_accept_what_programs_write(integration: Integration) -> None:
    Mailbox.objects.create(
        integration=integration, host="imap.example", user="support", accept_generated=True
    )

    assert take(integration, sample("cron")).result == MailResult.OPENED
    assert take(integration, sample("vacation")).result == MailResult.IGNORED


def test_our_own_mails_never_come_back_as_tickets(integration: Integration, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Desk <Desk@example.org>"
    Mailbox.objects.create(integration=integration, host="imap.example", user="support@example.org")
    ticket = make_ticket()
    returned = letter().replace(
        b"Message-ID: <", b"Message-ID: " + our_id(ticket).encode() + b"\nX: <"
    )

    for raw in (
        letter(sender="desk@example.org"),
        letter(sender="Support@example.org"),
        returned,
    ):
        assert take(integration, raw).result == MailResult.IGNORED
    assert Ticket.objects.count() == 1


def test_a_flood_from_one_sender_waits_for_a_person(integration: Integration) -> None:
    for number in range(MOST_FROM_ONE):
        take(integration, letter(f"Loop {number}"))

    held = take(integration, letter("One more"))
    assert held.result == MailResult.HELD
    assert take(integration, letter("x", sender="other@example.com")).result == MailResult.OPENED
    later = NOON + timedelta(minutes=11)
    assert take(integration, letter("Later"), now=later).result == MailResult.OPENED

    assert retry_mails(ids=[held.pk], now=NOON) == 1
    held.refresh_from_db()
    assert held.result == MailResult.OPENED


def test_a_flood_of_automatic_replies_waits_too(integration: Integration) -> None:
    ticket = make_ticket()
    results = [
        take(
            integration,
            letter(f"Loop {number}", In_Reply_To=our_id(ticket), Auto_Submitted="auto-replied"),
        ).result
        for number in range(MOST_FROM_ONE + 1)
    ]

    assert results == [MailResult.NOTED] * MOST_FROM_ONE + [MailResult.HELD]


@pytest.mark.parametrize("ending", ["delete", "merge"])
def test_a_ticket_that_ends_in_the_same_moment_loses_no_answer(
    integration: Integration, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, other = make_ticket(requester_email="bo@example.com"), make_ticket()
    if ending == "delete":
        services.delete_tickets(ids=[ticket.pk], actor="ana", now=NOON)
    else:
        Ticket.objects.filter(pk=ticket.pk).update(merged_into=other)
    find, seen_before = mails.ticket_of, [(copy(ticket), True)]
    monkeypatch.setattr(
        mails, "ticket_of", lambda mail: seen_before.pop() if seen_before else find(mail)
    )

    row = take(integration, letter(In_Reply_To=our_id(ticket)))

    assert seen_before == []

    if ending == "delete":
        assert row.result == MailResult.OPENED
    else:
        assert (row.result, row.ticket) == (MailResult.COMMENTED, other)


def test_a_mail_that_fails_is_kept_and_can_be_tried_again(
    integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mails, "_open", lambda *_: 1 / 0)
        row = take(integration, sample("plain"))
    assert (row.result, row.detail) == (MailResult.FAILED, "ZeroDivisionError: division by zero")
    assert row.raw is not None
    assert bytes(row.raw.data) == sample("plain")

    assert retry_mails(ids=[row.pk], now=NOON) == 1
    assert retry_mails(ids=[row.pk], now=NOON) == 0
    row.refresh_from_db()
    assert row.result == MailResult.OPENED


def test_a_broken_mail_still_opens_a_ticket(integration: Integration) -> None:
    assert take(integration, sample("broken")).result == MailResult.OPENED
    assert take(integration, b"").result == MailResult.OPENED
    assert set(Ticket.objects.values_list("requester_email", flat=True)) == {""}


def test_what_is_too_large_is_named_and_the_rest_is_kept(
    integration: Integration, settings: Any
) -> None:
    settings.ATTACHMENT_MAX_MB = 1
    message = EmailMessage()
    message["From"] = "bo@example.com"
    message.set_content("Many words. " * 10_000)
    message.add_attachment(b"x" * (1024 * 1024 + 1), "application", "zip", filename="big.zip")
    message.add_attachment(b"x", "application", "zip", filename="small.zip")

    ticket = take(integration, message.as_bytes()).ticket

    assert ticket is not None
    assert "[big.zip was left out: it has 1.0 MB.]" in ticket.description
    assert len(ticket.description.encode()) <= 64 * 1024
    kept = {file.name: file.size for file in Attachment.objects.all()}
    assert kept.keys() == {"small.zip", "message.txt"}
    assert kept["message.txt"] > 64 * 1024


def test_a_text_larger_than_a_file_may_be_is_cut(integration: Integration, settings: Any) -> None:
    settings.ATTACHMENT_MAX_MB = 1

    row = take(integration, letter("Line of a log. " * 100_000))

    assert row.result == MailResult.OPENED
    assert Attachment.objects.get().size <= 1024 * 1024
    assert row.ticket is not None
    assert "of which message.txt holds the first" in row.ticket.description


def test_a_long_automatic_reply_comes_whole_as_a_file(integration: Integration) -> None:
    ticket = make_ticket()
    long = letter("Away. " * 5_000, In_Reply_To=our_id(ticket), Auto_Submitted="auto-replied")

    assert take(integration, long).result == MailResult.NOTED

    assert Attachment.objects.get().comment == Comment.objects.get()


def test_mails_as_they_came_are_kept_for_some_time(integration: Integration, settings: Any) -> None:
    row = take(integration, sample("plain"))
    after = NOON + timedelta(days=settings.MAIL_DAYS, hours=1)

    assert mails.forget_old_mails(NOON) == 0
    assert forget_unused_contents(timezone.now() + timedelta(hours=2)) == 0
    assert mails.forget_old_mails(after) == 1
    assert forget_unused_contents(timezone.now() + timedelta(hours=2)) == 1
    row.refresh_from_db()
    assert row.raw is None
    assert not Content.objects.exists()


def test_a_mail_outlives_its_ticket(integration: Integration) -> None:
    row = take(integration, sample("plain"))

    services.delete_tickets(ids=[row.ticket_id or 0], actor="ana", now=NOON)

    row.refresh_from_db()
    assert row.ticket is None
    assert take(integration, sample("plain")) == row
    assert not Ticket.objects.exists()


def test_a_notification_of_the_desk_names_its_ticket_so_that_a_reply_finds_it(
    integration: Integration,
) -> None:
    from sla.models import Channel, Notification
    from sla.services.sending import send

    make_user("ana", "Agent")
    ticket = make_ticket(requester_email="bo@example.com")
    channel = Channel.objects.create(name="mail", kind="email", recipients=["bo@example.com"])
    payload = {"type": "test", "timestamp": NOON.isoformat(), "data": {"message": "x"}}
    told = Notification.objects.create(
        channel=channel, kind="test", payload=payload, key="k", ticket=ticket
    )

    send(channel, [told], now=NOON)

    sent = outbox.outbox[0].message()["Message-ID"]
    assert take(integration, letter(In_Reply_To=sent)).ticket == ticket


def test_a_mail_server_can_hand_mails_to_the_command(
    integration: Integration, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("read_mail", "Support", str(SAMPLES / "plain.eml"))

    ticket = Ticket.objects.get()
    assert capsys.readouterr().out == f"opened: ticket {ticket.pk}\n"
    with pytest.raises(CommandError, match="no email integration 'Sales'") as refused:
        call_command("read_mail", "Sales", str(SAMPLES / "plain.eml"))
    assert refused.value.returncode == 75


def test_the_mail_server_comes_back_while_the_database_is_away(
    integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError("no route to host")

    monkeypatch.setattr(read_mail, "take_mail", away)

    with pytest.raises(CommandError) as refused:
        call_command("read_mail", "Support", str(SAMPLES / "plain.eml"))
    assert refused.value.returncode == 75


def test_a_mail_that_is_kept_is_not_returned_to_its_sender(
    integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "_open", lambda *_: 1 / 0)

    call_command("read_mail", "Support", str(SAMPLES / "plain.eml"))

    assert MailMessage.objects.get().result == MailResult.FAILED
