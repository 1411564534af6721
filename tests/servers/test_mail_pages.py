"""Mailboxes and mails in the API and the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from servers.models import Integration, Mailbox, MailMessage, MailResult
from servers.services import mails
from servers.services.mails import take_mail
from tests.conftest import NOON, client_for
from tests.factories import make_ticket, make_user
from tests.servers.test_mail_parsing import sample
from tests.servers.test_mails import letter, make_integration
from tickets.models import Department
from tickets.references import message_id
from tickets.services import delete_tickets
from workers.encryption import decrypt

pytestmark = pytest.mark.django_db
GIVEN = {
    "integration": "Support",
    "host": "127.0.0.1",
    "user": "support",
    "password": "s3cret-word",
}


@pytest.fixture
def integration(settings: Any) -> Integration:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8"]
    return make_integration()


@pytest.fixture
def boss(admin_person: User) -> APIClient:
    return client_for(admin_person)


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(f"{role}-person", role))
    return client


def test_a_mailbox_is_made_changed_and_removed(boss: APIClient, integration: Integration) -> None:
    made = boss.post(reverse("mailbox-list"), GIVEN, format="json")

    assert made.status_code == 201
    assert "s3cret" not in made.content.decode()
    mailbox = Mailbox.objects.get()
    assert decrypt(mailbox.encrypted_password) == "s3cret-word"
    one = reverse("mailbox-detail", args=[mailbox.pk])
    assert boss.patch(one, {"folder": "Queue"}, format="json").json()["folder"] == "Queue"
    assert boss.post(reverse("mailbox-read", args=[mailbox.pk])).status_code == 202
    assert boss.delete(one).status_code == 204
    assert not Mailbox.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"host": "10.0.0.1"}, "host"),
        ({"host": "two words"}, "host"),
        ({"password": ""}, "password"),
        ({"port": 0}, "port"),
        ({"integration": "Unknown"}, "integration"),
        ({"security": "none"}, "security"),
    ],
)
def test_what_is_wrong_with_a_mailbox_is_told_by_field(
    boss: APIClient, integration: Integration, wrong: dict[str, Any], field: str
) -> None:
    answer = boss.post(reverse("mailbox-list"), {**GIVEN, **wrong}, format="json")

    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_an_integration_has_one_mailbox(boss: APIClient, integration: Integration) -> None:
    boss.post(reverse("mailbox-list"), GIVEN, format="json")

    answer = boss.post(reverse("mailbox-list"), GIVEN, format="json")

    assert "integration" in answer.json()["errors"]


def test_mails_are_listed_with_what_became_of_them(
    api: APIClient, integration: Integration
) -> None:
    opened = take_mail(integration=integration, raw=sample("plain"), now=NOON)
    take_mail(integration=integration, raw=sample("cron"), now=NOON)

    rows = api.get(reverse("mail-list"), {"result": "opened"}).json()["results"]

    assert [(row["id"], row["ticket"], row["kept"]) for row in rows] == [
        (opened.pk, opened.ticket_id, True)
    ]
    original = api.get(reverse("mail-original", args=[opened.pk]))
    assert b"".join(original.streaming_content) == sample("plain")
    assert original["Content-Disposition"].startswith("attachment")


def test_an_ignored_mail_can_be_taken_in_by_hand(boss: APIClient, integration: Integration) -> None:
    row = take_mail(integration=integration, raw=sample("cron"), now=NOON)
    where = reverse("mail-retry", args=[row.pk])

    assert boss.post(where).json()["result"] == MailResult.OPENED
    assert boss.post(where).status_code == 409


def test_mails_to_a_restricted_department_are_its_members_only(
    api: APIClient, integration: Integration
) -> None:
    integration.department = Department.objects.get(name="HR")
    integration.save(update_fields=["department"])
    for name in ("plain", "cron"):
        row = take_mail(integration=integration, raw=sample(name), now=NOON)

        assert api.get(reverse("mail-detail", args=[row.pk])).status_code == 404
    assert api.get(reverse("mail-list")).json()["results"] == []


@pytest.mark.parametrize("became", ["held", "failed", "deleted"])
def test_mails_about_a_restricted_ticket_are_its_members_only(
    api: APIClient, integration: Integration, became: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = make_ticket(department="HR")
    answer = letter(In_Reply_To=message_id(ticket=ticket.pk, unique="1", domain="desk.example"))
    if became == "held":
        monkeypatch.setattr(mails, "MOST_FROM_ONE", 0)
    elif became == "failed":
        monkeypatch.setattr(mails, "_answer", lambda *_: 1 / 0)
    row = take_mail(integration=integration, raw=answer, now=NOON)
    if became == "deleted":
        delete_tickets(ids=[ticket.pk], actor="ada", now=NOON)

    assert MailMessage.objects.filter(pk=row.pk, raw__isnull=False).exists()
    assert api.get(reverse("mail-original", args=[row.pk])).status_code == 404
    everybody = client_for(User.objects.create_superuser("root"))
    assert everybody.get(reverse("mail-original", args=[row.pk])).status_code == 200


def test_the_admin_makes_a_mailbox_and_keeps_its_password(integration: Integration) -> None:
    client = signed_in("Admin")
    form = {
        **GIVEN,
        "integration": integration.pk,
        "enabled": "on",
        "port": "993",
        "security": "ssl",
        "folder": "INBOX",
        "since": "2026-03-03",
    }

    client.post(reverse("admin:servers_mailbox_add"), form)
    mailbox = Mailbox.objects.get()
    page = reverse("admin:servers_mailbox_change", args=[mailbox.pk])
    client.post(page, {**form, "password": "", "move_to": "Done"})

    mailbox.refresh_from_db()
    assert mailbox.move_to == "Done"
    assert decrypt(mailbox.encrypted_password) == "s3cret-word"
    assert "s3cret-word" not in client.get(page).content.decode()


def test_the_admin_shows_mails_and_takes_them_in_again(integration: Integration) -> None:
    row = take_mail(integration=integration, raw=sample("cron"), now=NOON)
    where, client = reverse("admin:servers_mailmessage_changelist"), signed_in("Admin")

    assert "Cron &lt;root@db7&gt;" in client.get(where).content.decode()
    page = client.get(reverse("admin:servers_mailmessage_change", args=[row.pk]))
    assert f"mail-{row.pk}.eml" in page.content.decode()
    original = client.get(reverse("admin:servers_mailmessage_original", args=[row.pk]))
    assert b"".join(original.streaming_content) == sample("cron")
    client.post(where, {"action": "retry", "_selected_action": [row.pk]})

    assert MailMessage.objects.get().result == MailResult.OPENED
