"""`escalations/` in the API, and the list in the admin."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import make_escalation, make_ticket, make_user
from tickets.models import Department

pytestmark = pytest.mark.django_db
LIST = "/api/v1/escalations/"


def ids(client: APIClient, query: str = "") -> list[int]:
    answer = client.get(f"{LIST}{query}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_an_escalation_has_the_fields_of_the_live_feed(api: APIClient) -> None:
    made = make_escalation(metric="resolution", breach=True, actions=["Priority raised to P1."])
    row = api.get(f"{LIST}{made.pk}/").json()

    assert row["ticket_id"] == made.ticket_id
    assert (row["sla_type"], row["state"], row["level"]) == ("resolution", "breach", 1)
    assert row["details"] == {
        "elapsed_minutes": 52.0,
        "target_minutes": 60.0,
        "percent_used": 86.7,
    }
    assert row["timestamp"] == "2026-03-03T12:52:00Z"
    assert row["lateness_seconds"] == 60.0
    assert row["actions"] == ["Priority raised to P1."]


def test_filters_choose_by_ticket_breach_level_and_id(api: APIClient) -> None:
    ticket = make_ticket()
    first = make_escalation(ticket)
    second = make_escalation(ticket, level=2, breach=True)
    other = make_escalation()

    assert ids(api) == [other.pk, second.pk, first.pk]
    assert ids(api, f"?ticket={ticket.pk}") == [second.pk, first.pk]
    assert ids(api, "?breach=true") == [second.pk]
    assert ids(api, "?level=2") == [second.pk]
    assert ids(api, f"?after={first.pk}") == [second.pk, other.pk]
    assert ids(api, "?after=0") == [first.pk, second.pk, other.pk]


def test_pages_go_on_without_a_gap_in_both_directions(api: APIClient) -> None:
    made = [make_escalation().pk for _ in range(5)]
    for query, wanted in (("?page_size=2", made[::-1]), ("?page_size=2&after=0", made)):
        found, link = [], f"{LIST}{query}"
        while link:
            page = api.get(link).json()
            found += [row["id"] for row in page["results"]]
            link = page["next"]
        assert found == wanted


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "level=70000", "ticket=x", f"after={10**30}"]
)
def test_a_filter_that_makes_no_sense_is_named(api: APIClient, query: str) -> None:
    answer = api.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["errors"]


def test_a_restricted_department_hides_its_escalations_of_then_and_of_now() -> None:
    secret = Department.objects.create(name="Board", restricted=True)
    member, outsider = make_user("mia", "Viewer"), make_user("olaf", "Viewer")
    secret.members.add(member)
    of_then = make_escalation(department_id=secret.pk)
    moved = make_escalation()
    type(moved.ticket).objects.filter(pk=moved.ticket_id).update(department=secret)
    public = make_escalation()

    assert ids(client_for(member)) == [public.pk, moved.pk, of_then.pk]
    assert ids(client_for(outsider)) == [public.pk]
    assert client_for(outsider).get(f"{LIST}{moved.pk}/").status_code == 404

    listed = admin_list(outsider)
    assert [row.pk for row in listed.context["cl"].result_list] == [public.pk]


def admin_list(user: Any, **query: Any) -> Any:
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    client = Client()
    client.force_login(user)
    answer = client.get(reverse("admin:sla_escalation_changelist"), query)
    assert answer.status_code == 200
    return answer


def test_the_admin_lists_them_finds_a_ticket_and_lets_nobody_write() -> None:
    boss = make_user("ada", "Admin")
    found = make_escalation(breach=True)
    counts = []
    for _ in range(2):
        make_escalation()
        with CaptureQueriesContext(connection) as queries:
            admin_list(boss)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    for words, rows in (
        (str(found.ticket_id), [found.pk]),
        (f" #{found.ticket_id}", [found.pk]),
        ("printer", []),
        ("9" * 30, []),
    ):
        page = admin_list(boss, q=words)
        assert [row.pk for row in page.context["cl"].result_list] == rows
    client = Client()
    client.force_login(boss)
    assert client.get(reverse("admin:sla_escalation_add")).status_code == 403
    change = reverse("admin:sla_escalation_change", args=[found.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"level": 9}).status_code == 403


def test_a_list_costs_no_query_a_row(api: APIClient, django_assert_max_num_queries: Any) -> None:
    for _ in range(20):
        make_escalation()
    with django_assert_max_num_queries(4):
        assert len(ids(api)) == 20
