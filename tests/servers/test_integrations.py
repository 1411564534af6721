"""Integrations: their keys, their API, and trying a payload."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from servers.keys import digest
from servers.models import Delivery, Incident, Integration
from servers.services import integrations
from servers.services.trying import try_body
from tests.conftest import client_for
from tests.factories import NOON, make_user
from tests.servers.intake import make_sender, receive, take
from tests.servers.payloads import ALERTMANAGER, ALERTMANAGER_RESOLVED, GENERIC
from tickets.models import Department, Ticket, TicketEvent
from workers.encryption import decrypt
from workers.leases import State

pytestmark = pytest.mark.django_db
LIST = "/api/v1/integrations/"


@pytest.fixture
def admin_api(admin_person: User) -> APIClient:
    return client_for(admin_person)


def whose(key: str, after: timedelta = timedelta(0)) -> Integration | None:
    return integrations.find_by_key(digest(key), NOON + after)


def test_a_key_is_long_random_and_not_stored() -> None:
    integration, key = make_sender()

    assert key.startswith("int_")
    assert len(key) == 36
    assert key not in str(Integration.objects.values().get())
    assert integration.key_hint == key[:8]
    assert whose(key) == integration


def test_a_rotation_leaves_the_old_key_good_for_a_day() -> None:
    integration, old = make_sender()
    new = integrations.rotate_key(integration=integration, now=NOON)

    assert whose(new) == whose(old, timedelta(hours=23)) == integration
    assert whose(old, timedelta(hours=25)) is None


def test_a_second_rotation_ends_the_first_key() -> None:
    integration, first = make_sender()
    second = integrations.rotate_key(integration=integration, now=NOON)
    integrations.rotate_key(integration=integration, now=NOON)

    assert whose(first) is None
    assert whose(second) == integration


def test_of_two_rotations_in_one_moment_both_keys_that_were_shown_are_good() -> None:
    one, _ = make_sender()
    other = Integration.objects.get(pk=one.pk)
    first = integrations.rotate_key(integration=one, now=NOON)
    second = integrations.rotate_key(integration=other, now=NOON)

    assert whose(first) == whose(second) == one


def test_a_rotation_may_end_the_old_key_at_once() -> None:
    integration, old = make_sender()
    integrations.rotate_key(integration=integration, now=NOON, keep_old=timedelta(0))

    assert whose(old) is None


def test_revoked_keys_stay_dead_after_the_next_rotation() -> None:
    integration, first = make_sender()
    second = integrations.rotate_key(integration=integration, now=NOON)
    integrations.revoke_keys(integration=integration)
    assert (whose(first), whose(second)) == (None, None)

    third = integrations.rotate_key(integration=integration, now=NOON)
    assert (whose(second), whose(third)) == (None, integration)


def test_the_api_shows_the_key_once(admin_api: APIClient) -> None:
    made = admin_api.post(LIST, {"name": "Prometheus", "source": "alertmanager"}, format="json")
    assert made.status_code == 201
    key, pk = made.data["key"], made.data["id"]
    assert whose(key) is not None

    read = admin_api.get(f"{LIST}{pk}/").data
    assert "key" not in read
    assert read["address"] == "http://localhost:8000/api/v1/intake/<key>/alertmanager/"
    assert read["templates"]["group_key"] == "{{ payload.groupKey }}"

    rotated = admin_api.post(f"{LIST}{pk}/rotate/", {"keep_old_hours": 2}, format="json").data
    assert rotated["address"].endswith(f"/api/v1/intake/{rotated['key']}/alertmanager/")
    assert rotated["previous_key_until"] is not None

    assert admin_api.post(f"{LIST}{pk}/revoke/").data["key_hint"] == ""
    assert whose(rotated["key"]) is None


def test_a_secret_is_written_encrypted_and_never_shown(admin_api: APIClient) -> None:
    given = {"name": "Sentry", "source": "sentry", "secret": "not-a-real-secret"}
    made = admin_api.post(LIST, given, format="json")

    row = Integration.objects.get()
    assert decrypt(row.encrypted_secret) == "not-a-real-secret"
    assert made.data["signed"] is True
    assert "not-a-real-secret" not in made.content.decode()
    cleared = admin_api.patch(f"{LIST}{row.pk}/", {"secret": ""}, format="json")
    assert cleared.data["signed"] is False


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"title": "{{ open"}, "title", "Line 1"),
        ({"body": "a\n{% set x = 1 %}"}, "body", "Line 2: “assign” is not allowed"),
        ({"secret": "x"}, "secret", "Generic JSON signs nothing"),
        ({"source": "email", "title": "{{ 1 }}"}, "title", "Mail has no templates"),
        ({"recovery_grace": "-1"}, "recovery_grace", "0 seconds to 30 days"),
        ({"rate_per_minute": 0}, "rate_per_minute", "greater than or equal to 1"),
        ({"owner": "nobody"}, "owner", "There is no user 'nobody'. Known: ada."),
        ({"department": "IT"}, "department", "There is no department 'IT'. Known: "),
        ({"department": "HR", "group": "Network"}, "group", "belongs to IT Support"),
    ],
)
def test_what_is_wrong_is_named(
    admin_api: APIClient, given: dict[str, Any], field: str, words: str
) -> None:
    body = {"name": "Wrong", "source": "generic", **given}
    answer = admin_api.post(LIST, body, format="json")

    assert answer.status_code == 400
    assert words in str(answer.data["errors"][field])
    assert Integration.objects.count() == 0


def test_the_source_of_an_integration_stays(admin_api: APIClient) -> None:
    integration, _ = make_sender()
    answer = admin_api.patch(f"{LIST}{integration.pk}/", {"source": "grafana"}, format="json")

    assert answer.status_code == 400
    assert "Make a new integration" in str(answer.data["errors"]["source"])


def test_a_deleted_integration_leaves_its_tickets(admin_api: APIClient) -> None:
    integration, key = make_sender()
    take(*receive(integration, GENERIC))

    assert admin_api.delete(f"{LIST}{integration.pk}/").status_code == 204
    assert (Delivery.objects.count(), Incident.objects.count()) == (0, 0)
    assert Ticket.objects.count() == 1
    assert whose(key) is None


def test_a_trial_says_what_would_happen_and_writes_nothing(admin_api: APIClient) -> None:
    integration, _ = make_sender("Prometheus", source="alertmanager")
    path = f"{LIST}{integration.pk}/try/"
    before = TicketEvent.objects.count()

    [new] = admin_api.post(path, {"payload": ALERTMANAGER}, format="json").data
    assert (new["result"], new["severity"], new["priority"]) == ("created", "critical", 1)
    assert new["ticket"] is None
    assert new["alert"]["title"].startswith("BlackBox")
    assert (Ticket.objects.count(), Incident.objects.count()) == (0, 0)
    assert (Delivery.objects.count(), TicketEvent.objects.count()) == (0, before)

    take(*receive(integration, ALERTMANAGER))
    ticket = Ticket.objects.get()
    [again] = admin_api.post(path, {"payload": ALERTMANAGER}, format="json").data
    [over] = admin_api.post(path, {"payload": ALERTMANAGER_RESOLVED}, format="json").data
    assert (again["result"], again["ticket"]) == ("appended", ticket.pk)
    assert (over["result"], over["ticket"]) == ("resolved", ticket.pk)
    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert Incident.objects.get().alerts == 1


def test_a_trial_names_the_template_and_the_line(admin_api: APIClient) -> None:
    integration, _ = make_sender(body="\n{{ payload.nothing }}")
    answer = admin_api.post(f"{LIST}{integration.pk}/try/", {"payload": GENERIC}, format="json")

    assert answer.status_code == 400
    assert "body: Line 2" in str(answer.data["errors"]["payload"])


def test_a_trial_of_a_list_tells_of_each_alert_as_they_follow_each_other() -> None:
    integration, _ = make_sender()
    body = b'[{"summary": "a", "key": "k"}, {"summary": "a", "key": "k"}]'

    assert [t.result for t in try_body(integration=integration, body=body, now=NOON)] == [
        "created",
        "appended",
    ]


def test_a_sender_asks_with_its_key_and_sees_its_own_bodies_only() -> None:
    integration, key = make_sender()
    stranger, other = make_sender("Other")
    [mine, theirs] = take(*receive(integration, GENERIC), *receive(stranger, GENERIC))
    anybody = client_for(None)

    for headers in ({"X-Integration-Key": key}, {"Authorization": f"Bearer {key}"}):
        answer = anybody.get(f"/api/v1/intake/deliveries/{mine.pk}/", headers=headers)
        assert answer.status_code == 200
        assert answer.data["results"][0]["result"] == "created"
        assert '"disk:web-1"' in answer.data["content"]
    hidden = anybody.get(
        f"/api/v1/intake/deliveries/{mine.pk}/", headers={"X-Integration-Key": other}
    )
    assert hidden.status_code == 404
    for headers in ({}, {"X-Integration-Key": "int_wrong"}):
        path = f"/api/v1/intake/deliveries/{theirs.pk}/"
        assert anybody.get(path, headers=headers).status_code == 401
    listed = anybody.get("/api/v1/intake/deliveries/", headers={"X-Integration-Key": key})
    assert listed.status_code == 401


def test_failed_bodies_are_listed_and_tried_again(admin_api: APIClient) -> None:
    integration, _ = make_sender(title="{{ payload.nothing }}")
    [failed] = take(*receive(integration, GENERIC))
    integrations.change_integration(integration=integration, values={"title": ""})

    listed = admin_api.get("/api/v1/intake/deliveries/?state=failed&integration=monitoring").data
    assert [row["id"] for row in listed["results"]] == [failed.pk]
    retry = f"/api/v1/intake/deliveries/{failed.pk}/retry/"
    assert admin_api.post(retry).data["state"] == State.PENDING
    assert admin_api.post(retry).status_code == 409

    [mended] = take(failed.pk)
    assert mended.state == State.DONE


def test_agents_do_not_see_bodies_which_may_be_of_any_department() -> None:
    agent = client_for(make_user("ana", "Agent"))

    assert agent.get("/api/v1/intake/deliveries/").status_code == 403
    assert agent.get(LIST).status_code == 200


def test_a_department_is_named(admin_api: APIClient) -> None:
    given = {"name": "A", "source": "generic", "department": "Finance"}
    made = admin_api.post(LIST, given, format="json")

    assert made.data["department"] == "Finance"
    assert Integration.objects.get().department == Department.objects.get(name="Finance")
