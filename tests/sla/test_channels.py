"""Channels and messages through the API and the admin: what they accept, show and hide."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from sla import subscriptions
from sla.models import Channel, ChannelRoute, DeliveryAttempt, Notification
from sla.services import forget_old_notifications
from sla.services.channels import enable_channels, notification_findings
from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tests.sla.alerts import make_channel, tell
from tickets.models import Department, SupportGroup
from workers.encryption import decrypt

pytestmark = pytest.mark.django_db
ADDRESS = "https://hooks.example/services/T0/B0/verysecret"
CHANNELS = "/api/v1/channels/"


@pytest.fixture(autouse=True)
def no_look_ups(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    subscriptions.forget()


@pytest.fixture
def boss(admin_person: User) -> APIClient:
    return client_for(admin_person)


@pytest.fixture
def desk(admin_person: User) -> Client:
    client = Client()
    client.force_login(admin_person)
    return client


def made(client: APIClient, **values: Any) -> Any:
    given = {"name": "ops", "kind": "webhook", "address": ADDRESS, **values}
    return client.post(CHANNELS, given, format="json")


def test_a_webhooks_secret_is_shown_once_and_kept_encrypted(boss: APIClient) -> None:
    answer = made(boss)

    assert answer.status_code == 201, answer.content
    secret = answer.json()["secret"]
    assert secret.startswith("whsec_")
    row = Channel.objects.get()
    assert (decrypt(row.encrypted_secret), decrypt(row.encrypted_address)) == (secret, ADDRESS)
    for text in (row.encrypted_secret, row.encrypted_address):
        assert secret not in text
        assert "verysecret" not in text
    later = boss.get(f"{CHANNELS}{row.pk}/")
    assert later.json()["host"] == "hooks.example"
    for hidden in (secret, "verysecret", "encrypted", "gAAAA"):
        assert hidden not in later.content.decode()
        assert hidden not in boss.get(CHANNELS).content.decode()


def test_a_webhook_may_send_more_a_minute_than_slack(boss: APIClient) -> None:
    assert made(boss).json()["rate_per_minute"] == 600
    assert made(boss, name="slack", kind="slack").json()["rate_per_minute"] == 60
    assert made(boss, name="x", rate_per_minute=5).json()["rate_per_minute"] == 5


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"address": "https://169.254.169.254/latest"}, "address", "not a public address"),
        ({"address": "https://localhost/"}, "address", "not a public address"),
        ({"address": "gopher://x"}, "address", "https://"),
        ({"address": None}, "address", ""),
        ({"kind": "pigeon"}, "kind", "pigeon"),
        ({"name": ""}, "name", "blank"),
        ({"kind": "email", "address": ADDRESS, "recipients": ["a@b.example"]}, "address", "mail"),
        ({"kind": "slack", "events": ["ticket.created"]}, "events", "Only a webhook"),
        ({"events": ["ticket.exploded"]}, "events", "exploded"),
        ({"owner_id": "6a1f4f52-0b5f-4c5b-9a3f-0d7d8d8f0001"}, "events", "wants to hear"),
        ({"recipients": ["a@b.example"]}, "recipients", "Only a mail"),
        ({"for_people": True}, "for_people", "Only a mail"),
        ({"rate_per_minute": 0}, "rate_per_minute", "1"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(
    boss: APIClient, values: Any, field: str, words: str
) -> None:
    answer = made(boss, **values)

    assert answer.status_code == 400, answer.content
    assert words in str(answer.json()["errors"][field])
    assert Channel.objects.count() == 0


def test_only_one_channel_is_for_people(boss: APIClient) -> None:
    mail = {"kind": "email", "for_people": True}
    first = boss.post(CHANNELS, {"name": "a", **mail}, format="json")
    second = boss.post(CHANNELS, {"name": "b", **mail}, format="json")

    assert (first.status_code, second.status_code) == (201, 400)
    assert "Channel a does that already." in str(second.json()["errors"]["for_people"])


def test_a_mail_channel_needs_recipients(boss: APIClient) -> None:
    answer = boss.post(CHANNELS, {"name": "a", "kind": "email"}, format="json")

    assert "recipients" in answer.json()["errors"]


def test_a_change_keeps_the_address_unless_a_new_one_is_given(boss: APIClient) -> None:
    pk = made(boss).json()["id"]

    boss.patch(f"{CHANNELS}{pk}/", {"digest_above": 3}, format="json")
    assert decrypt(Channel.objects.get().encrypted_address) == ADDRESS
    boss.patch(f"{CHANNELS}{pk}/", {"address": "https://hooks.example/new"}, format="json")
    assert decrypt(Channel.objects.get().encrypted_address) == "https://hooks.example/new"
    refused = boss.patch(f"{CHANNELS}{pk}/", {"address": "https://10.0.0.1/"}, format="json")
    assert refused.status_code == 400
    assert boss.patch(f"{CHANNELS}{pk}/", {"kind": "slack"}, format="json").status_code == 400


def test_switching_a_channel_on_again_clears_the_reason(boss: APIClient) -> None:
    pk = made(boss).json()["id"]
    Channel.objects.update(enabled=False, disabled_reason="It answered 404.", failures=4)

    answer = boss.patch(f"{CHANNELS}{pk}/", {"enabled": True}, format="json").json()

    assert (answer["enabled"], answer["disabled_reason"], answer["failures"]) == (True, "", 0)


def test_a_new_address_switches_on_what_delivery_switched_off_and_nothing_else(
    boss: APIClient, desk: Client
) -> None:
    new = {"address": "https://hooks.example/new"}
    gone, also_gone, put_off = make_channel("gone"), make_channel("also gone"), make_channel("off")
    Channel.objects.update(enabled=False, disabled_reason="It answered 404.")
    Channel.objects.filter(pk=put_off.pk).update(disabled_reason="")

    boss.patch(f"{CHANNELS}{gone.pk}/", new, format="json")
    boss.patch(f"{CHANNELS}{put_off.pk}/", new, format="json")
    page = reverse("admin:sla_channel_change", args=[also_gone.pk])
    given = {"name": "also gone", "rate_per_minute": 600, "digest_above": 10, **new}
    assert desk.post(page, given).status_code == 302

    assert set(Channel.objects.values_list("name", "enabled", "disabled_reason")) == {
        ("gone", True, ""),
        ("also gone", True, ""),
        ("off", False, ""),
    }


def test_rotation_shows_the_new_secret_once_and_only_webhooks_have_one(boss: APIClient) -> None:
    first = made(boss).json()
    slack = made(boss, name="slack", kind="slack").json()

    answer = boss.post(f"{CHANNELS}{first['id']}/rotate/").json()

    assert answer["secret"] != first["secret"]
    row = Channel.objects.get(pk=first["id"])
    assert decrypt(row.encrypted_previous_secret) == first["secret"]
    assert boss.post(f"{CHANNELS}{slack['id']}/rotate/").status_code == 409


def test_a_test_message_is_queued_and_a_channel_that_is_off_says_so(boss: APIClient) -> None:
    pk = made(boss).json()["id"]

    answer = boss.post(f"{CHANNELS}{pk}/test/")

    assert (answer.status_code, answer.json()["kind"]) == (202, "test")
    Channel.objects.update(enabled=False)
    assert boss.post(f"{CHANNELS}{pk}/test/").status_code == 409


def test_a_channel_is_deleted_with_its_routes_and_messages(boss: APIClient) -> None:
    pk = made(boss).json()["id"]
    channel = Channel.objects.get()
    ChannelRoute.objects.create(channel=channel)
    tell(channel)

    assert boss.delete(f"{CHANNELS}{pk}/").status_code == 204
    assert Notification.objects.count() == 0


def test_the_admin_deletes_a_channel_with_its_messages(desk: Client) -> None:
    channel = make_channel()
    tell(channel)

    page = reverse("admin:sla_channel_delete", args=[channel.pk])
    assert "ops" in desk.get(page).content.decode()
    desk.post(page, {"post": "yes"})
    other = make_channel("other")
    tell(other)
    chosen = {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
    desk.post(reverse("admin:sla_channel_changelist"), chosen)

    assert (Channel.objects.count(), Notification.objects.count()) == (0, 0)


def test_routes_speak_in_names(boss: APIClient) -> None:
    made(boss)
    given = {"channel": "ops", "department": "IT Support", "group": "Network", "max_priority": 2}

    answer = boss.post("/api/v1/channel-routes/", given, format="json")

    assert answer.status_code == 201, answer.content
    assert answer.json() == {**given, "id": answer.json()["id"], "min_level": 1}
    wrong = boss.post(
        "/api/v1/channel-routes/", {**given, "department": "Finance"}, format="json"
    ).json()
    assert "belongs to IT Support" in str(wrong["errors"]["group"])


@pytest.mark.parametrize("name", ["nobody", "a\0b", 5, ["ops"], {"name": "ops"}])
def test_a_route_to_a_channel_that_nobody_has_is_refused(boss: APIClient, name: Any) -> None:
    answer = boss.post("/api/v1/channel-routes/", {"channel": name}, format="json")

    assert answer.status_code == 400
    assert "channel" in answer.json()["errors"]


def test_messages_are_listed_filtered_and_shown_with_their_attempts(boss: APIClient) -> None:
    channel, other = make_channel("ops"), make_channel("other")
    [first] = tell(channel)
    tell(other)
    DeliveryAttempt.objects.create(notification=first, status=500, error="oh", milliseconds=3)

    def ids(**query: Any) -> list[int]:
        return [row["id"] for row in boss.get("/api/v1/notifications/", query).json()["results"]]

    assert len(ids()) == 2
    assert ids(channel="OPS") == ids(ticket=first.ticket_id) == [first.pk]
    assert ids(state="dead") == ids(kind="test") == []
    assert boss.get("/api/v1/notifications/", {"state": "lost"}).status_code == 400
    shown = boss.get(f"/api/v1/notifications/{first.pk}/").json()
    assert shown["message_id"] == f"msg_{first.pk}"
    assert shown["deliveries"][0]["status"] == 500
    assert shown["payload"]["type"] == "sla.breached"


def test_a_dead_message_is_replayed_by_the_api(boss: APIClient) -> None:
    [row] = tell(make_channel())
    Notification.objects.update(state="dead", outcome="gave_up", ended_at=Now())

    answer = boss.post(f"/api/v1/notifications/{row.pk}/resend/")

    assert (answer.status_code, answer.json()["state"], answer.json()["id"]) == (
        202,
        "queued",
        row.pk,
    )
    assert boss.post(f"/api/v1/notifications/{row.pk}/resend/").status_code == 409


def test_messages_and_routes_of_a_restricted_department_are_for_its_members() -> None:
    channel, hr = make_channel(), Department.objects.get(name="HR")
    [row] = tell(channel, ticket=make_ticket(title="Salary of Zoe", department="HR"))
    ChannelRoute.objects.create(channel=channel, department=hr)
    outsider, insider = make_user("otto", "Admin"), make_user("ina", "Admin")
    hr.members.add(insider)

    for person, count in ((outsider, 0), (insider, 1)):
        client = client_for(person)
        assert len(client.get("/api/v1/notifications/").json()["results"]) == count
        assert len(client.get("/api/v1/channel-routes/").json()["results"]) == count
        assert client.get(f"/api/v1/notifications/{row.pk}/").status_code == (200 if count else 404)
    assert client_for(outsider).post(f"/api/v1/notifications/{row.pk}/resend/").status_code == 404


@pytest.mark.parametrize("names", ["department", "group"])
def test_only_members_route_the_alerts_of_a_restricted_department(
    boss: APIClient, desk: Client, admin_person: User, names: str
) -> None:
    channel, hr = make_channel(), Department.objects.get(name="HR")
    group = SupportGroup.objects.create(name="Payroll", department=hr)
    place: Any = {"department": hr, "group": group}[names]
    given = {"channel": "ops", names: place.name}
    typed = {"channel": channel.pk, names: place.pk, "min_level": 1}
    form = reverse("admin:sla_channelroute_add")
    other = ChannelRoute.objects.create(channel=channel)

    for answer in (
        boss.post("/api/v1/channel-routes/", given, format="json"),
        boss.patch(f"/api/v1/channel-routes/{other.pk}/", given, format="json"),
    ):
        assert answer.status_code == 400
        assert "HR is restricted" in str(answer.json()["errors"][names])
    assert names in desk.post(form, typed).context["adminform"].form.errors

    hr.members.add(admin_person)
    member = client_for(User.objects.get(pk=admin_person.pk))
    assert member.post("/api/v1/channel-routes/", given, format="json").status_code == 201
    assert desk.post(form, typed).status_code == 302


def test_the_number_of_statements_of_the_list_does_not_grow(boss: APIClient) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    channel = make_channel()

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            boss.get("/api/v1/notifications/")
        return len(captured)

    tell(channel)
    statements()
    few = statements()
    tell(channel, 10)
    assert statements() == few


def test_the_admin_makes_a_channel_and_shows_its_secret_once(desk: Client) -> None:
    values = {
        "name": "ops",
        "kind": "webhook",
        "address": ADDRESS,
        "enabled": "on",
        "digest_above": 10,
        "recipients": "",
        "events": ["ticket.created"],
    }
    page = desk.post(reverse("admin:sla_channel_add"), values, follow=True).content.decode()

    row = Channel.objects.get()
    assert decrypt(row.encrypted_secret) in page
    assert (row.rate_per_minute, row.events) == (600, ["ticket.created"])
    for view, args in (("changelist", []), ("change", [row.pk])):
        shown = desk.get(reverse(f"admin:sla_channel_{view}", args=args)).content.decode()
        assert "hooks.example" in shown
        assert "verysecret" not in shown
        assert decrypt(row.encrypted_secret) not in shown


def test_the_admin_refuses_a_private_address_at_its_field(desk: Client) -> None:
    values = {"name": "x", "kind": "slack", "address": "https://10.0.0.1/", "digest_above": 10}

    page = desk.post(reverse("admin:sla_channel_add"), values).content.decode()

    assert "not a public address" in page
    assert Channel.objects.count() == 0


def test_the_admin_changes_a_channel_and_keeps_its_address(desk: Client) -> None:
    row = make_channel()
    url = reverse("admin:sla_channel_change", args=[row.pk])
    values = {"name": "renamed", "enabled": "on", "digest_above": 4, "rate_per_minute": 30}

    answer = desk.post(url, {**values, "recipients": "", "address": ""})

    assert answer.status_code == 302, answer.content.decode()
    row.refresh_from_db()
    assert (row.name, row.digest_above, row.rate_per_minute) == ("renamed", 4, 30)
    assert decrypt(row.encrypted_address).endswith("secretpath")


def test_admin_actions_switch_on_test_rotate_and_send_again(desk: Client) -> None:
    channel = make_channel()
    Channel.objects.update(enabled=False, disabled_reason="It answered 404.")
    url = reverse("admin:sla_channel_changelist")
    assert "It answered 404." in desk.get(url).content.decode()

    def press(action: str, where: str, pk: int) -> str:
        answer = desk.post(where, {"action": action, "_selected_action": [pk]}, follow=True)
        return answer.content.decode()

    press("enable_again", url, channel.pk)
    channel.refresh_from_db()
    assert (channel.enabled, channel.disabled_reason) == (True, "")
    assert "is queued" in press("send_test", url, channel.pk)
    assert "whsec_" in press("rotate_secret", url, channel.pk)
    row = Notification.objects.get()
    Notification.objects.update(state="dead", outcome="rejected", ended_at=Now(), error="no")
    listed = reverse("admin:sla_notification_changelist")
    assert "dead: rejected" in desk.get(listed).content.decode()
    press("send_again", listed, row.pk)
    row.refresh_from_db()
    assert row.state == "queued"


def test_the_page_of_a_message_shows_its_attempts_and_changes_nothing(desk: Client) -> None:
    [row] = tell(make_channel())
    DeliveryAttempt.objects.create(notification=row, status=500, error="oh dear", milliseconds=3)

    page = reverse("admin:sla_notification_change", args=[row.pk])

    assert "oh dear" in desk.get(page).content.decode()
    assert desk.post(page, {}).status_code == 403


def test_the_messages_of_a_ticket_are_found_by_its_number(desk: Client) -> None:
    [row, _] = tell(make_channel(), 2)

    page = desk.get(reverse("admin:sla_notification_changelist"), {"q": f"#{row.ticket_id}"})

    assert [found.pk for found in page.context["cl"].result_list] == [row.pk]


def test_a_viewer_sees_messages_in_the_admin_and_may_not_press_anything() -> None:
    [row] = tell(make_channel())
    Notification.objects.update(state="dead", outcome="rejected", ended_at=Now())
    viewer = Client()
    viewer.force_login(make_user("vera", "Viewer"))
    listed = reverse("admin:sla_notification_changelist")

    assert viewer.get(listed).status_code == 200
    viewer.post(listed, {"action": "send_again", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.state == "dead"


def test_a_viewer_reads_a_channel_without_its_secrets() -> None:
    row = make_channel(events=["ticket.created"])
    viewer = Client()
    viewer.force_login(make_user("vera", "Viewer"))

    page = viewer.get(reverse("admin:sla_channel_change", args=[row.pk]))

    assert page.status_code == 200
    assert "hooks.example" in page.content.decode()
    assert "secretpath" not in page.content.decode()


def test_health_tells_of_dead_messages_switched_off_channels_and_long_waits() -> None:
    now = datetime.now(UTC)
    channel, off = make_channel(), make_channel("broken")
    assert notification_findings(now) == []
    dead, obsolete, waiting = tell(channel, 3)
    for row, outcome in ((dead, "gave_up"), (obsolete, "obsolete")):
        Notification.objects.filter(pk=row.pk).update(state="dead", outcome=outcome, ended_at=now)
    Notification.objects.filter(pk=waiting.pk).update(next_attempt_at=now - timedelta(minutes=6))
    Channel.objects.filter(pk=off.pk).update(enabled=False, disabled_reason="It answered 404.")

    first, second, third = notification_findings(now)

    assert first.startswith("1 notification could not be delivered")
    assert second == "Channel broken was switched off: It answered 404."
    assert third.startswith("A notification waits since")


def test_old_messages_go_and_waiting_ones_stay() -> None:
    old, _ = tell(make_channel(), 2)
    now = datetime.now(UTC)
    Notification.objects.filter(pk=old.pk).update(state="sent", ended_at=now - timedelta(days=91))
    DeliveryAttempt.objects.create(notification=old, milliseconds=1)

    assert forget_old_notifications(now) == 1
    assert Notification.objects.count() == 1


def test_what_waited_leaves_when_the_channel_is_switched_on(
    django_capture_on_commit_callbacks: Any,
) -> None:
    channel = make_channel()

    with django_capture_on_commit_callbacks() as asked:
        assert enable_channels(ids=[channel.pk]) == 1

    assert len(asked) == 2  # the nudge, and the callbacks to be read again


def test_removing_many_messages_costs_no_more_statements_than_removing_few(
    django_assert_max_num_queries: Any,
) -> None:
    row = make_channel()
    for message in tell(row, 30):
        DeliveryAttempt.objects.create(notification=message, milliseconds=1)
    Notification.objects.update(state="sent", ended_at=Now() - timedelta(days=91))

    with django_assert_max_num_queries(2):
        assert forget_old_notifications(datetime.now(UTC)) == 30

    assert not DeliveryAttempt.objects.exists()


def test_the_delivery_log_cannot_be_rewritten() -> None:
    from django.db import DatabaseError, transaction

    [row] = tell(make_channel())
    attempt = DeliveryAttempt.objects.create(notification=row, milliseconds=1)

    with pytest.raises(DatabaseError), transaction.atomic():
        DeliveryAttempt.objects.filter(pk=attempt.pk).update(error="nothing happened")
