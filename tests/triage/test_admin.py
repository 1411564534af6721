"""Batches, jobs and decisions in the admin."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import make_ticket, make_user
from tickets.filters import WrongFilters
from tickets.models import Category, Department, SupportGroup, Ticket
from triage import services
from triage.admin import work
from triage.admin.batches import translated
from triage.models import TriageBatch, TriageDecision, TriageJob

pytestmark = pytest.mark.django_db
ASK = "admin:triage_triagebatch_ask"


def signed_in(role: str = "Agent") -> Client:
    client = Client()
    client.force_login(make_user(role.lower(), role))
    return client


def test_the_ticket_list_offers_to_triage_what_its_filters_choose() -> None:
    make_ticket(priority=1)
    make_ticket(priority=3)
    client = signed_in()

    page = client.get(reverse("admin:tickets_ticket_changelist"), {"priority__exact": "1"})
    link = f"{reverse(ASK)}?priority__exact=1"
    assert link in page.content.decode()
    asked = client.get(link)
    done = client.post(link, follow=True)

    assert "priority: 1" in asked.content.decode()
    assert asked.context["count"] == 1
    batch = TriageBatch.objects.get()
    assert (batch.filters, batch.total_items, batch.requested_by) == ({"priority": "1"}, 1, "agent")
    assert done.redirect_chain[-1][0] == reverse("admin:triage_triagebatch_change", args=[batch.pk])
    assert "1 tickets will be triaged again." in done.content.decode()


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "x"])
def test_a_number_that_no_row_has_is_no_failure(number: str) -> None:
    client = signed_in("Admin")
    answers = [
        client.get(reverse(ASK), {"department": number}, follow=True),
        client.get(reverse("admin:tickets_ticket_changelist"), {"department": number}, follow=True),
        client.get(reverse("admin:triage_prompt_add"), {"from": number}),
        client.get(reverse("admin:triage_triagejob_changelist"), {"q": number}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4


@pytest.mark.parametrize("action", ["triage_again", "confirm_triage"])
def test_an_action_on_too_many_tickets_is_refused(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "NAMED", 1)
    ids = [make_ticket().pk, make_ticket().pk]
    jobs = TriageJob.objects.count()

    answer = signed_in().post(
        reverse("admin:tickets_ticket_changelist"),
        {"action": action, "_selected_action": ids},
        follow=True,
    )

    assert "More than 1 tickets are chosen" in answer.content.decode()
    assert TriageJob.objects.count() == jobs
    assert not Ticket.objects.exclude(locked_fields=[]).exists()


def test_every_filter_of_the_ticket_list_has_its_counterpart() -> None:
    department, group = Department.objects.get(name="Finance"), SupportGroup.objects.earliest("pk")
    category = Category.objects.get(slug="network")
    query = {
        "q": "vpn",
        "status__exact": "open",
        "department": str(department.pk),
        "group__id__exact": str(group.pk),
        "category__id__exact": str(category.pk),
        "sla": "warning",
        "assigned": "me",
        "opened_at__gte": "2026-03-01 00:00:00+00:00",
        "o": "1",
        "p": "2",
    }

    filters = translated(query, "ana")

    assert filters == {
        "q": "vpn",
        "status": "open",
        "department": "Finance",
        "group": group.name,
        "category": "network",
        "sla_state": "warning",
        "assignee": "ana",
        "opened_after": "2026-03-01 00:00:00+00:00",
    }
    services.chosen_tickets(filters=filters, hidden_departments=[]).count()


def test_a_filter_without_a_counterpart_is_refused_not_left_out() -> None:
    with pytest.raises(WrongFilters, match="group__isnull"):
        translated({"group__isnull": "True"}, "ana")

    page = signed_in().get(reverse(ASK), {"group__isnull": "True"}, follow=True)
    assert "This filter of the list cannot be used here" in page.content.decode()


def test_a_viewer_may_not_ask() -> None:
    make_ticket()
    client = signed_in("Viewer")

    assert client.get(reverse(ASK)).status_code == 403
    assert client.post(reverse(ASK)).status_code == 403
    page = client.get(reverse("admin:tickets_ticket_changelist")).content.decode()
    assert "Triage these again" not in page


def test_the_list_of_batches_shows_progress_with_one_query_for_all() -> None:
    make_ticket()
    client = signed_in("Viewer")
    page = reverse("admin:triage_triagebatch_changelist")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(page)
        assert "RUNNING" in answer.content.decode()
        return len(captured)

    services.retriage(ids=[Ticket.objects.get().pk], requested_by="ana")
    queries()
    one = queries()
    for _ in range(4):
        services.retriage(ids=[Ticket.objects.get().pk], requested_by="ana")

    assert queries() == one
    one_batch = reverse("admin:triage_triagebatch_change", args=[TriageBatch.objects.first().pk])
    assert "named one by one" in client.get(one_batch).content.decode()


def test_failed_jobs_are_retried_from_the_list() -> None:
    make_ticket()
    batch = services.batch_jobs(requested_by="ana", visible=Ticket.objects.all())
    assert batch is not None
    client = signed_in()

    for model, row in (("triagejob", TriageJob.objects.get().pk), ("triagebatch", batch.pk)):
        TriageJob.objects.update(state="failed", attempts=3, finished_at=Now())
        action = {"triagejob": "try_again", "triagebatch": "retry"}[model]
        client.post(
            reverse(f"admin:triage_{model}_changelist"),
            {"action": action, "_selected_action": [row]},
        )
        assert TriageJob.objects.get().state == "pending", model


def test_a_decision_is_replayed_on_its_page(triage_all: Any) -> None:
    make_ticket(title="VPN is down")
    triage_all()
    page = reverse("admin:triage_triagedecision_change", args=[TriageDecision.objects.get().pk])
    client = signed_in("Viewer")

    same, rules, unknown, nonsense = (
        client.get(page, {"replay": model}).content.decode()
        for model in ("", "rules", "nobody", "\x00")
    )

    assert "The same would be decided." in same
    assert "Found " in rules
    assert "There is no such classifier" in unknown
    assert "There is no such classifier" in nonsense


def test_decisions_of_hidden_tickets_stay_hidden() -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    make_ticket(department="HR")
    services.run_jobs(ids=[TriageJob.objects.get().pk], now=datetime.now(UTC))
    client = signed_in()

    page = reverse("admin:triage_triagedecision_change", args=[TriageDecision.objects.get().pk])

    assert client.get(page).status_code == 302
