"""Pains 8, 9 and 15: nothing after the end, no floods, and no message lost or sent twice."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db.models import F
from django.db.models.functions import Now
from standardwebhooks import Webhook

from sla import subscriptions
from sla.models import Channel, ClockEvent, DeliveryAttempt, Escalation, Notification, SlaClock
from sla.retrying import Result, Verdict
from sla.services import delivery, sending, sweeping
from sla.services.channels import (
    change_channel,
    create_channel,
    resend,
    rotate_secret,
    send_test,
)
from sla.services.delivery import deliver, record
from sla.services.sweeping import requeue_stale_notifications
from tests.factories import make_ticket
from tests.sla.alerts import due_now, make_channel, tell
from tests.sla.receivers import garbage, hang, raw_server, receiver
from workers import outgoing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def local_allowed(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8", "hooks.example"]
    subscriptions.forget()


def states(channel: Channel | None = None) -> list[str]:
    rows = Notification.objects.order_by("pk")
    return list((rows.filter(channel=channel) if channel else rows).values_list("state", flat=True))


def fresh(channel: Channel) -> Channel:
    return Channel.objects.get(pk=channel.pk)


def test_a_webhook_gets_a_signed_message_and_its_delivery_is_logged() -> None:
    with receiver() as there:
        channel, secret = create_channel(
            values={"name": "ops", "kind": "webhook", "address": there.url}
        )
        [sent] = tell(channel)

        assert deliver(ids=[channel.pk]) == 1

    [request] = there.requests
    body = Webhook(secret).verify(request.body, request.headers)
    assert (body["type"], request.headers["webhook-id"]) == ("sla.breached", f"msg_{sent.pk}")
    assert (request.path, request.headers["content-type"]) == (
        "/hook/T0001/secretpath",
        "application/json",
    )
    assert states() == ["sent"]
    log = DeliveryAttempt.objects.get()
    assert (log.notification, log.status, log.error) == (sent, 200, "")
    assert log.milliseconds > 0


def test_while_a_secret_is_rotated_both_sign_and_afterwards_the_new_one() -> None:
    with receiver() as there:
        channel, old = create_channel(
            values={"name": "ops", "kind": "webhook", "address": there.url}
        )
        new = rotate_secret(channel=channel, now=datetime.now(UTC))
        tell(channel)
        deliver(ids=[channel.pk])
        Channel.objects.update(previous_secret_until=datetime.now(UTC) - timedelta(seconds=1))
        tell(channel)
        deliver(ids=[channel.pk])

    first, second = there.requests
    for secret in (old, new):
        Webhook(secret).verify(first.body, first.headers)
    assert len(second.headers["webhook-signature"].split()) == 1
    Webhook(new).verify(second.body, second.headers)


def test_slack_gets_its_own_message() -> None:
    with receiver() as there:
        channel = make_channel(kind="slack", address=there.url)
        [sent] = tell(channel)
        deliver(ids=[channel.pk])

    body = json.loads(there.requests[0].body)
    assert body["text"] == f"SLA ALERT for Ticket {sent.ticket_id}"
    assert "webhook-signature" not in there.requests[0].headers


def test_a_failed_message_is_tried_again_under_the_same_id_and_with_the_same_body() -> None:
    with receiver((500, {}, b"oh"), (200, {}, b"")) as there:
        channel = make_channel(address=there.url)
        tell(channel)
        deliver(ids=[channel.pk])
        [waiting] = Notification.objects.all()
        deliver(ids=[channel.pk])  # not due yet
        due_now()
        deliver(ids=[channel.pk])

    assert (waiting.state, waiting.attempts) == ("retrying", 1)
    assert "500 Internal Server Error: oh" in waiting.error
    assert waiting.next_attempt_at > waiting.created_at
    assert len(there.requests) == 2
    assert len({r.headers["webhook-id"] for r in there.requests}) == 1
    assert len({r.body for r in there.requests}) == 1
    assert states() == ["sent"]
    assert list(DeliveryAttempt.objects.order_by("pk").values_list("status", flat=True)) == [
        500,
        200,
    ]


@pytest.mark.parametrize("status", [404, 410])
def test_an_address_that_is_gone_switches_the_channel_off_for_everybody_to_see(status: int) -> None:
    with receiver((status, {}, b"no_service")) as there:
        channel = make_channel(address=there.url)
        first, second = tell(channel, 2)
        deliver(ids=[channel.pk])

    assert len(there.requests) == 1
    assert states() == ["dead", "queued"]
    first.refresh_from_db()
    assert first.outcome == "rejected"
    off = fresh(channel)
    assert (off.enabled, f"It answered {status}" in off.disabled_reason) == (False, True)
    assert requeue_stale_notifications() == 0


def test_an_answer_that_repeats_the_secret_address_shows_it_to_nobody() -> None:
    with receiver((404, {}, b"<p>/hook/T0001/secretpath</p> was not found" + b"!" * 900)) as there:
        channel = make_channel(address=there.url)
        tell(channel)
        deliver(ids=[channel.pk])

    [row] = Notification.objects.all()
    for text in (row.error, fresh(channel).disabled_reason, DeliveryAttempt.objects.get().error):
        assert "secretpath" not in text
        assert "was not found" in text
        assert len(text) < 400


def test_a_message_that_a_receiver_does_not_want_is_dead_and_the_next_one_leaves() -> None:
    with receiver((422, {}, b"bad"), (200, {}, b"")) as there:
        channel = make_channel(address=there.url)
        tell(channel, 2)
        deliver(ids=[channel.pk])

    assert states() == ["dead", "sent"]
    assert fresh(channel).enabled


@pytest.mark.parametrize("status", [429, 503])
def test_pain_9_retry_after_makes_the_whole_channel_wait_and_no_other(status: int) -> None:
    with receiver((status, {"Retry-After": "120"}, b"")) as busy, receiver() as calm:
        slow = make_channel("slow", address=busy.url)
        other = make_channel("other", address=calm.url)
        tell(slow, 3)
        tell(other, 2)
        deliver(ids=[slow.pk])
        deliver(ids=[slow.pk])
        deliver(ids=[other.pk])

    assert len(busy.requests) == 1
    assert states(other) == ["sent", "sent"]
    assert states(slow) == ["retrying", "queued", "queued"]
    row = Channel.objects.annotate(pause=F("next_attempt_at") - Now()).get(pk=slow.pk)
    assert timedelta(seconds=115) < row.pause <= timedelta(seconds=120)


@pytest.mark.parametrize("talk", [hang, garbage])
def test_a_receiver_that_hangs_or_babbles_lets_its_channel_rest(
    talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = outgoing.post
    monkeypatch.setattr(outgoing, "post", lambda *a, **k: post(*a, **k, seconds=0.4))
    with raw_server(talk) as url:
        channel = make_channel(address=url)
        tell(channel, 5)
        started = time.monotonic()
        deliver(ids=[channel.pk])

    assert time.monotonic() - started < 2
    assert states() == ["retrying"] + ["queued"] * 4
    row = fresh(channel)
    assert row.failures == 1
    assert row.next_attempt_at is not None
    assert row.enabled


def test_server_errors_in_a_row_let_the_channel_rest_too() -> None:
    with receiver((500, {}, b"")) as there:
        channel = make_channel(address=there.url)
        tell(channel, 6)
        deliver(ids=[channel.pk])

    assert len(there.requests) == 3
    assert fresh(channel).next_attempt_at is not None


def test_a_success_forgets_earlier_failures() -> None:
    with receiver((500, {}, b""), (200, {}, b"")) as there:
        channel = make_channel(address=there.url)
        tell(channel, 2)
        deliver(ids=[channel.pk])

    assert fresh(channel).failures == 0


def test_an_address_that_has_moved_into_our_network_is_not_called(settings: Any) -> None:
    with receiver() as there:
        channel = make_channel(address=there.url)
        tell(channel)
        settings.OUTGOING_ALLOW = []
        deliver(ids=[channel.pk])

    assert there.requests == []
    assert states() == ["dead"]
    assert "not a public address" in fresh(channel).disabled_reason


def test_after_a_change_of_the_key_a_channel_says_that_it_cannot_be_read(settings: Any) -> None:
    channel = make_channel()
    tell(channel)
    settings.SECRET_KEY = "another-key-" * 5

    deliver(ids=[channel.pk])

    assert "SECRET_KEY" in fresh(channel).disabled_reason


def test_after_a_change_of_the_key_a_new_address_and_a_new_secret_are_enough(settings: Any) -> None:
    with receiver() as there:
        channel, _ = create_channel(values={"name": "x", "kind": "webhook", "address": there.url})
        settings.SECRET_KEY = "another key of more than thirty characters"
        tell(channel)

        channel = change_channel(channel=channel, values={"address": there.url})
        secret = rotate_secret(channel=channel, now=datetime.now(UTC))

        assert deliver(ids=[channel.pk]) == 1
    Webhook(secret).verify(there.requests[0].body, there.requests[0].headers)


def test_an_address_that_was_replaced_while_it_was_tried_switches_nothing_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiver((404, {}, b"gone")) as old, receiver() as new:
        channel, _ = create_channel(values={"name": "x", "kind": "webhook", "address": old.url})
        tell(channel, 2)
        real = sending.send

        def send(*args: Any, **kwargs: Any) -> Result:
            result = real(*args, **kwargs)
            if not new.requests:
                change_channel(channel=fresh(channel), values={"address": new.url})
            return result

        monkeypatch.setattr(sending, "send", send)
        deliver(ids=[channel.pk])

        assert fresh(channel).enabled
        assert (len(old.requests), len(new.requests)) == (1, 1)


def test_a_message_older_than_a_day_is_given_up() -> None:
    with receiver((500, {}, b"")) as there:
        channel = make_channel(address=there.url)
        [old] = tell(channel)
        Notification.objects.update(give_up_at=Now() + timedelta(seconds=5))
        deliver(ids=[channel.pk])

    old.refresh_from_db()
    assert (old.state, old.outcome) == ("dead", "gave_up")


def test_what_waits_for_a_channel_that_is_off_ends_after_a_day_too() -> None:
    channel = make_channel()
    tell(channel)
    Channel.objects.update(enabled=False)
    Notification.objects.update(give_up_at=Now() - timedelta(seconds=5))

    requeue_stale_notifications()

    row = Notification.objects.get()
    assert (row.state, row.outcome, row.error) == (
        "dead",
        "gave_up",
        "It could not be sent in time.",
    )


@pytest.mark.parametrize("how", ["stopped", "acknowledged", "ledger"])
def test_pain_8_nobody_is_told_after_the_clock_stopped_or_was_acknowledged(how: str) -> None:
    with receiver() as there:
        channel = make_channel(kind="slack", address=there.url)
        [alert] = tell(channel)
        if how == "stopped":
            SlaClock.objects.update(
                state="met", stopped_at=Now(), running_since=None, next_check_at=None
            )
        elif how == "acknowledged":
            Escalation.objects.update(acknowledged_at=Now())
        else:
            ClockEvent.objects.create(
                clock_id=alert.escalation.clock_id,
                kind="acknowledge",
                at=alert.escalation.detected_at + timedelta(minutes=1),
                actor="ana",
            )
        deliver(ids=[channel.pk])

        alert.refresh_from_db()
        assert (there.requests, alert.state, alert.outcome) == ([], "dead", "obsolete")
        assert "before it was sent" in alert.error

        resend(ids=[alert.pk])  # a person wants it all the same
        deliver(ids=[channel.pk])
        assert len(there.requests) == 1


def test_a_machine_hears_of_a_breach_even_when_it_is_over() -> None:
    with receiver() as there:
        channel = make_channel(address=there.url)
        tell(channel)
        Escalation.objects.update(acknowledged_at=Now())
        deliver(ids=[channel.pk])

    assert states() == ["sent"]


def test_pain_9_more_than_ten_waiting_alerts_become_one_message() -> None:
    with receiver() as there:
        channel = make_channel(kind="slack", address=there.url)
        tell(channel, 14)

        assert deliver(ids=[channel.pk]) == 14

    assert len(there.requests) == 1
    assert json.loads(there.requests[0].body)["text"] == "14 SLA alerts, 14 of them overdue"
    assert set(states()) == {"sent"}
    assert Notification.objects.values("digest").distinct().count() == 1
    assert DeliveryAttempt.objects.count() == 14


def test_ten_waiting_alerts_are_ten_messages_and_a_test_is_never_in_a_digest() -> None:
    with receiver() as there:
        channel = make_channel(kind="slack", address=there.url)
        tell(channel, 10)
        send_test(channel=channel, actor="ada", now=datetime.now(UTC))
        deliver(ids=[channel.pk])

    assert len(there.requests) == 11


def test_a_webhook_gets_every_event_singly() -> None:
    with receiver() as there:
        channel = make_channel(address=there.url)
        tell(channel, 15)
        deliver(ids=[channel.pk])

    assert len(there.requests) == 15


def test_the_rate_of_a_channel_is_kept_and_the_rest_leaves_later() -> None:
    with receiver() as there:
        channel = make_channel(address=there.url, rate_per_minute=9)
        tell(channel, 5)
        deliver(ids=[channel.pk])
        assert len(there.requests) == 3  # what 20 seconds' worth lets out at once
        deliver(ids=[channel.pk])
        assert len(there.requests) == 3

        row = Channel.objects.annotate(pause=F("next_attempt_at") - Now()).get()
        assert timedelta(seconds=6) < row.pause < timedelta(seconds=7)  # one in 60/9 seconds
        Channel.objects.update(next_attempt_at=None, allowance_at=Now() - timedelta(seconds=7))
        deliver(ids=[channel.pk])
        assert len(there.requests) == 4


def test_callbacks_of_one_ticket_keep_their_order_while_others_pass() -> None:
    with receiver((500, {}, b""), (200, {}, b"")) as there:
        channel = make_channel(address=there.url, events=["ticket.created"])
        ticket = make_ticket()
        tell(channel, ticket=ticket)
        make_ticket()
        deliver(ids=[channel.pk])
        assert states() == ["retrying", "queued", "sent"]
        due_now()
        deliver(ids=[channel.pk])

    order = [request.headers["webhook-id"] for request in there.requests]
    first, second, third = (f"msg_{n.pk}" for n in Notification.objects.order_by("pk"))
    assert order == [first, third, first, second]


def test_a_message_that_fails_again_and_again_holds_its_ticket_up_no_longer() -> None:
    with receiver() as there:
        channel = make_channel(address=there.url, events=["ticket.created"])
        ticket = make_ticket()
        Notification.objects.update(
            state="retrying", attempts=9, next_attempt_at=Now() + timedelta(hours=1)
        )
        tell(channel, ticket=ticket)
        deliver(ids=[channel.pk])

    assert states() == ["retrying", "sent"]


def test_a_channel_that_somebody_works_on_is_left_alone() -> None:
    channel = make_channel()
    tell(channel)
    Channel.objects.update(lease_token=uuid.uuid4(), lease_until=Now() + timedelta(seconds=60))

    assert deliver(ids=[channel.pk]) == 0
    assert states() == ["queued"]


def test_a_worker_that_lost_its_lease_records_nothing() -> None:
    channel = make_channel()
    tell(channel)
    held = delivery._claim(channel.pk)
    batch = delivery._take(held, held.lease_token)
    Channel.objects.update(lease_until=Now() - timedelta(seconds=1))
    Notification.objects.update(lease_until=Now() - timedelta(seconds=1))
    requeue_stale_notifications()
    assert states() == ["retrying"]
    again = delivery._claim(channel.pk)
    second = delivery._take(again, again.lease_token)

    late = record(held, held.lease_token, batch, Result(Verdict.GONE, 410, "gone"), 1.0)

    assert late is False
    assert (states(), fresh(channel).enabled) == (["sending"], True)
    assert DeliveryAttempt.objects.count() == 0
    assert record(again, again.lease_token, second, Result(Verdict.SENT, 200), 1.0)
    assert states() == ["sent"]
    assert Notification.objects.get().attempts == 2


def test_the_sweep_nudges_channels_that_have_something_due_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nudged: list[int] = []
    monkeypatch.setattr(sweeping, "enqueue_each", lambda name, ids: nudged.extend(ids))
    waiting, resting = make_channel("waiting"), make_channel("resting")
    make_channel("empty")
    tell(waiting)
    tell(resting)
    Channel.objects.filter(pk=resting.pk).update(next_attempt_at=Now() + timedelta(minutes=1))

    assert requeue_stale_notifications() == 1
    assert nudged == [waiting.pk]


def test_a_message_is_sent_again_under_its_old_id() -> None:
    with receiver() as there:
        channel = make_channel(address=there.url)
        [sent] = tell(channel)
        deliver(ids=[channel.pk])
        assert resend(ids=[sent.pk]) == [sent.pk]
        assert resend(ids=[sent.pk]) == []  # it waits already
        deliver(ids=[channel.pk])

    ids = [request.headers["webhook-id"] for request in there.requests]
    assert ids == [f"msg_{sent.pk}"] * 2
    assert sent.deliveries.count() == 2


def test_mail_has_text_and_html_and_runs_no_markup_of_a_title() -> None:
    channel = make_channel("mail", "email", recipients=["a@desk.example", "b@desk.example"])
    tell(channel, ticket=make_ticket(title="<b>Boss & Co</b>\nBcc: x@y"))

    deliver(ids=[channel.pk])

    [sent] = mail.outbox
    assert sent.to == ["a@desk.example", "b@desk.example"]
    assert "<b>Boss & Co</b>" in sent.subject
    assert "\n" not in sent.subject
    html = sent.alternatives[0].content
    assert "&lt;b&gt;Boss &amp; Co&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "Escalation Lv.: 1" in sent.body
    assert "http://localhost:8000/tickets/" in sent.body


def test_a_digest_of_mail_is_for_one_person() -> None:
    channel = make_channel("mail", "email", digest_above=2)
    tell(channel, 6)
    ids = list(Notification.objects.order_by("pk").values_list("pk", flat=True))
    Notification.objects.filter(pk__in=ids[:3]).update(recipient="ana@desk.example")

    deliver(ids=[channel.pk])

    assert [m.to for m in mail.outbox] == [["ana@desk.example"], ["ops@desk.example"]]
    assert all("3 SLA alerts" in m.subject for m in mail.outbox)


def test_a_mail_server_that_is_away_lets_the_channel_rest(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    channel = make_channel("mail", "email")
    tell(channel, 2)

    deliver(ids=[channel.pk])

    assert states() == ["retrying", "queued"]
    assert "The mail server failed" in Notification.objects.earliest("pk").error
