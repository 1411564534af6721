"""The admin's pages of integrations: keys shown once, payloads tried, failed bodies read again."""

import json
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.keys import digest
from servers.models import Delivery, Integration
from servers.services.integrations import change_integration, find_by_key
from tests.factories import NOON, make_user
from tests.servers.intake import make_sender, receive, take
from tests.servers.payloads import ALERTMANAGER, GENERIC
from tickets.models import Ticket
from workers.encryption import decrypt
from workers.leases import State

pytestmark = pytest.mark.django_db
LIST = "/admin/servers/integration/"
FORM = {
    "rate_per_minute": "600",
    "recovery_grace": "0",
    "reopen_window": "4:00:00",
    "enabled": "on",
}


@pytest.fixture
def page(admin_person: User) -> Client:
    client = Client()
    client.force_login(admin_person)
    return client


def test_a_new_integration_shows_its_key_and_the_address_to_paste_once(page: Client) -> None:
    given = {**FORM, "name": "Prometheus", "source": "alertmanager"}
    text = page.post(f"{LIST}add/", given, follow=True).content.decode()

    key = re.search(r"int_[\w-]{32}", text)
    assert key
    row = Integration.objects.get()
    assert find_by_key(digest(key[0]), NOON) == row
    assert f"http://localhost:8000/api/v1/intake/{key[0]}/alertmanager/" in text
    later = page.get(f"{LIST}{row.pk}/change/").content.decode()
    assert key[0] not in later
    assert f"{row.key_hint}…" in later


def test_templates_are_checked_when_they_are_saved(page: Client) -> None:
    given = {**FORM, "name": "A", "source": "generic", "title": "{{ open"}
    text = page.post(f"{LIST}add/", given).content.decode()

    assert "Line 1: unexpected end of template" in text
    assert Integration.objects.count() == 0


def test_saving_changes_what_was_changed_and_a_secret_is_kept_until_it_is_forgotten(
    page: Client,
) -> None:
    row, _ = make_sender("Sentry", source="sentry", secret="not-a-real-secret")
    where = f"{LIST}{row.pk}/change/"
    page.post(where, {**FORM, "name": "Sentry EU"})
    row.refresh_from_db()
    assert (row.name, row.rate_per_minute) == ("Sentry EU", 600)
    assert decrypt(row.encrypted_secret) == "not-a-real-secret"

    page.post(where, {**FORM, "name": "Sentry EU", "unsigned": "on"})
    row.refresh_from_db()
    assert row.encrypted_secret == ""


def test_keys_are_rotated_and_revoked_from_the_list(page: Client) -> None:
    row, old = make_sender()

    def press(action: str) -> str:
        given = {"action": action, "_selected_action": [row.pk]}
        return page.post(LIST, given, follow=True).content.decode()

    text = press("rotate_key")
    key = re.search(r"int_[\w-]{32}", text)
    assert key
    assert key[0] != old
    assert "the old key is good for another day" in text
    press("revoke_keys")
    assert find_by_key(digest(key[0]), NOON) is None


def test_deleting_an_integration_leaves_its_tickets(page: Client) -> None:
    row, _ = make_sender()
    take(*receive(row, GENERIC))
    page.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})

    assert (Integration.objects.count(), Ticket.objects.count()) == (0, 1)


def test_a_payload_is_tried_and_nothing_is_written(page: Client) -> None:
    row, _ = make_sender("Prometheus", source="alertmanager")
    where = f"{LIST}{row.pk}/try/"
    assert "The templates in use" in page.get(where).content.decode()

    text = page.post(where, {"payload": json.dumps(ALERTMANAGER)}).content.decode()

    assert "Created: BlackBox Probe Failure: https://server.example.org" in text
    assert "critical → impact 1, urgency 1" in text
    assert "P1" in text
    assert (Ticket.objects.count(), Delivery.objects.count()) == (0, 0)


def test_a_payload_that_cannot_be_read_is_told_where(page: Client) -> None:
    row, _ = make_sender(body="\n\n{{ payload.typo }}")
    text = page.post(f"{LIST}{row.pk}/try/", {"payload": json.dumps(GENERIC)}).content.decode()

    assert "body: Line 3" in text
    assert 'role="alert"' in text


def test_who_may_only_look_may_not_try() -> None:
    row, _ = make_sender()
    viewer = Client()
    viewer.force_login(make_user("vera", "Viewer"))

    assert viewer.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert "Try a payload" not in viewer.get(f"{LIST}{row.pk}/change/").content.decode()
    assert viewer.get(f"{LIST}{row.pk}/try/").status_code == 403


def test_a_failed_body_is_shown_with_its_error_and_read_again(page: Client) -> None:
    row, _ = make_sender(title="{{ payload.nothing }}")
    [failed] = take(*receive(row, {**GENERIC, "details": "<script>"}))

    with CaptureQueriesContext(connection) as asked:
        assert "title: Line 1" in page.get("/admin/servers/delivery/").content.decode()
    assert not [q for q in asked if '"servers_delivery"."body"' in q["sql"]]
    text = page.get(f"/admin/servers/delivery/{failed.pk}/change/").content.decode()
    assert "title: Line 1" in text
    assert "&lt;script&gt;" in text
    change_integration(integration=row, values={"title": ""})
    given = {"action": "try_again", "_selected_action": [failed.pk]}
    page.post("/admin/servers/delivery/", given)

    [mended] = take(failed.pk)
    assert mended.state == State.DONE
    assert "created #" in page.get("/admin/servers/delivery/").content.decode()
