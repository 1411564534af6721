"""The review queue: its order, who sees what, and what a decision there does."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import NOON, make_ticket, make_user
from tickets.models import Department, Ticket, TicketEvent, TriageStatus
from tickets.reviewing import review_rank
from tickets.services import (
    TicketChanged,
    TicketMerged,
    change_tickets,
    comment_on,
    merge_tickets,
)
from triage import services
from triage.models import Correction, TriageDecision, TriageJob
from triage.reading import review_queue
from triage.services.reviewing import UNDO_WITHIN, CannotUndo, NotWaiting

pytestmark = pytest.mark.django_db
REVIEW = "/api/v1/review/"


@pytest.fixture
def unsure(vpn: Ticket) -> Ticket:
    """A ticket that waits for a look: network, in the general department because triage is not sure of it."""
    return wait_for_review(vpn)


def wait_for_review(ticket: Ticket, **columns: Any) -> Ticket:
    given = {"triage_status": TriageStatus.NEEDS_REVIEW, "confidence": 0.25, **columns}
    given.setdefault("department", Department.objects.get(name="General"))
    Ticket.objects.filter(pk=ticket.pk).update(group=None, **given)
    return Ticket.objects.with_names().get(pk=ticket.pk)


def decide(ticket: Ticket, by: str = "ana", at: datetime | None = None, **given: Any) -> Any:
    values = {k: v for k, v in given.items() if k not in ("version", "via")}
    said = {k: v for k, v in given.items() if k in ("version", "via")}
    [done] = services.review_tickets(
        ids=[ticket.pk], values=values, by=by, now=at or datetime.now(UTC), **said
    )
    return done


def state(ticket: Ticket) -> dict[str, Any]:
    columns = ("category_id", "department_id", "group_id", "impact", "urgency", "priority")
    return Ticket.objects.values(*columns, "locked_fields", "triage_status").get(pk=ticket.pk)


# The order


moments = st.one_of(
    st.none(), st.timedeltas(timedelta(days=-3), timedelta(days=9)).map(lambda d: NOON + d)
)


@given(
    st.floats(0, 1) | st.none(),
    st.integers(1, 4) | st.none(),
    moments,
    moments,
    st.booleans(),
)
def test_the_database_ranks_as_the_formula_does(
    confidence: float | None,
    priority: int | None,
    due_at: datetime | None,
    warn_at: datetime | None,
    breached: bool,
) -> None:
    Ticket.objects.all().delete()
    row = {"confidence": confidence, "priority": priority, "due_at": due_at, "warn_at": warn_at}
    Ticket.objects.create(title="x", opened_at=NOON, sla_breached=breached, **row)

    [ticket] = Ticket.objects.by_need_of_review(NOON)

    assert abs(ticket.rank - review_rank(**row, breached=breached, now=NOON)) <= 1


@given(st.floats(0, 0.98), st.integers(1, 4), st.integers(0, 900), st.integers(0, 900))
def test_a_nearer_deadline_a_higher_priority_and_less_confidence_come_first(
    confidence: float, priority: int, minutes: int, more: int
) -> None:
    def rank(confidence: float, priority: int, minutes: int) -> int:
        return review_rank(
            confidence=confidence,
            priority=priority,
            due_at=NOON + timedelta(minutes=minutes),
            warn_at=None,
            breached=False,
            now=NOON,
        )

    here = rank(confidence, priority, minutes)
    assert rank(confidence, priority, minutes + more) <= here
    assert rank(min(1, confidence + 0.01), priority, minutes) <= here
    assert rank(confidence, min(4, priority + 1), minutes) <= here


def test_the_queue_has_what_is_unsure_and_still_worked_on(api: APIClient, unsure: Ticket) -> None:
    Ticket.objects.create(title="Sure", opened_at=NOON, triage_status="completed")
    Ticket.objects.create(
        title="Over", opened_at=NOON, triage_status="needs_review", status="cancelled"
    )

    assert [i["ticket"]["id"] for i in api.get(REVIEW).json()["results"]] == [unsure.pk]
    assert api.get(f"{REVIEW}next/").json()["waiting"] == 1


def test_an_item_tells_what_triage_thinks_and_why(api: APIClient, unsure: Ticket) -> None:
    [found] = api.get(REVIEW).json()["results"]

    suggestion = found["suggestion"]
    assert found["ticket"]["version"] == unsure.version
    assert suggestion["category"] == "network"
    assert suggestion["alternatives"][0]["category"] == "network"
    assert suggestion["why"]
    assert set(suggestion["fields_explained"]) >= {"category", "impact", "department"}
    assert "Network" in suggestion["rules"]


def test_pages_go_on_where_the_last_one_ended_though_time_goes_by(
    api: APIClient, unsure: Ticket
) -> None:
    for number in range(6):
        wait_for_review(
            make_ticket(title=f"Number {number}"), due_at=NOON + timedelta(hours=number)
        )

    seen, url = [], f"{REVIEW}?page_size=2"
    while url:
        page = api.get(url).json()
        seen += [(i["rank"], i["ticket"]["id"]) for i in page["results"]]
        url = page["next"]

    assert len({pk for _, pk in seen}) == 7
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("department=General", 1),
        ("department=Finance", 0),
        ("category=network", 1),
        ("category=hr", 0),
        ("band={band}", 1),
        ("band=review", 0),
    ],
)
def test_the_queue_is_filtered(api: APIClient, unsure: Ticket, query: str, found: int) -> None:
    band = TriageDecision.objects.get().band

    assert band != "review"
    assert len(api.get(f"{REVIEW}?{query.format(band=band)}").json()["results"]) == found


@pytest.mark.parametrize("query", ["category=nonsense", "band=maybe", "as_of=now", "cursor=x"])
def test_a_filter_that_names_nothing_is_an_error(api: APIClient, query: str) -> None:
    assert api.get(f"{REVIEW}?{query}").status_code in (400, 404)


def test_restricted_tickets_wait_for_their_department_only(unsure: Ticket) -> None:
    hr = Department.objects.get(name="HR")
    Ticket.objects.filter(pk=unsure.pk).update(department=hr)
    member, other = make_user("mia", "Agent"), make_user("bob", "Agent")
    hr.members.add(member)

    assert len(client_for(member).get(REVIEW).json()["results"]) == 1
    bob = client_for(other)
    assert bob.get(REVIEW).json()["results"] == []
    assert bob.get(f"{REVIEW}next/").json() == {"waiting": 0, "item": None}
    assert bob.post(f"{REVIEW}{unsure.pk}/", {"accept": True}, format="json").status_code == 404


def test_reading_the_queue_costs_what_waits(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO tickets_ticket (source, title, description, requester_name, requester_email,
                   customer_tier, tags, server, status, priority, locked_fields, triage_status, confidence,
                   opened_at, resolved_at, closed_at, version)
               SELECT 'x', 'printer', '', '', '', 'standard', '{}', '',
                   CASE WHEN n % 200 = 0 THEN 'open' ELSE 'closed' END, 1 + n % 4, '{}', 'needs_review', .5,
                   t, t, t, 1
                 FROM generate_series(1, 20000) n, LATERAL (SELECT now() - n * interval '1 minute' AS t) x"""
        )
        cursor.execute("ANALYZE tickets_ticket")
    viewer = make_user("bob", "Agent")

    rows = review_queue(viewer, NOON)

    plan = str(rows[:21].explain())
    assert "tickets_ticket_review" in plan
    assert "Seq Scan on tickets_ticket" not in plan
    assert len(rows) == 100


# Deciding


def test_accepting_keeps_labels_locks_them_and_sends_the_ticket_on(unsure: Ticket) -> None:
    done = decide(unsure)

    unsure.refresh_from_db()
    assert unsure.triage_status == TriageStatus.COMPLETED
    assert "category" in unsure.locked_fields
    assert "department" not in unsure.locked_fields
    assert (unsure.department.name, unsure.group.name) == ("IT Support", "Network")
    assert done.agreed
    labels = Correction.objects.filter(field="category").values("value", "agreed", "via", "by")
    assert list(labels) == [{"value": "network", "agreed": True, "via": "review", "by": "ana"}]
    confirmed = TicketEvent.objects.get(ticket=unsure, kind="confirmed")
    assert "category" in confirmed.changes["confirmed"][1]


def test_what_no_engine_spoke_of_is_not_confirmed(triage_all: Any) -> None:
    ticket = make_ticket(title="Printer jammed", description="paper jam in tray 2")
    triage_all()
    said = TriageDecision.objects.get().fields
    quiet = {name for name in ("impact", "urgency") if said[name]["by"] == "default"}

    decide(wait_for_review(ticket))

    assert quiet
    assert not quiet & set(Correction.objects.values_list("field", flat=True))
    assert not quiet & set(Ticket.objects.get().locked_fields)


def test_choosing_otherwise_routes_scores_and_keeps_both_kinds_of_labels(unsure: Ticket) -> None:
    done = decide(unsure, category="hr", urgency=3)

    unsure.refresh_from_db()
    assert (unsure.category.slug, unsure.department.name, unsure.urgency) == ("hr", "HR", 3)
    assert unsure.priority == 3
    assert not done.agreed
    labels = dict(Correction.objects.values_list("field", "agreed"))
    assert (labels["category"], labels["urgency"]) == (False, False)
    assert labels.get("impact", True)
    assert set(done.changed) >= {"category", "urgency", "priority", "department"}


def test_a_retriage_leaves_what_was_reviewed(unsure: Ticket, triage_all: Any) -> None:
    decide(unsure, category="hr")
    services.retriage_one(ticket=unsure)

    triage_all()

    unsure.refresh_from_db()
    assert (unsure.category.slug, unsure.triage_status) == ("hr", TriageStatus.COMPLETED)


def test_what_is_decided_already_is_refused(unsure: Ticket) -> None:
    decide(unsure)

    with pytest.raises(NotWaiting, match="decided it already"):
        decide(unsure, by="bob", category="hr")
    assert set(Correction.objects.values_list("by", flat=True)) == {"ana"}


def test_a_review_of_an_older_version_is_refused(unsure: Ticket) -> None:
    change_tickets(ids=[unsure.pk], values={"title": "New"}, actor="bob", now=NOON)

    with pytest.raises(TicketChanged):
        decide(unsure, version=unsure.version)
    assert not Correction.objects.exists()


def test_on_its_own_page_a_sure_ticket_can_be_confirmed_too(vpn: Ticket) -> None:
    decide(vpn, via="ticket")

    assert Correction.objects.get(field="category").agreed
    assert TicketEvent.objects.filter(ticket=vpn, kind="confirmed").exists()


def test_confirming_many_costs_a_fixed_number_of_statements(
    triage_all: Any,
) -> None:
    def statements(count: int) -> int:
        ids = [make_ticket(title=f"VPN {number} is down").pk for number in range(count)]
        triage_all()
        Ticket.objects.filter(pk__in=ids).update(triage_status=TriageStatus.NEEDS_REVIEW)
        with CaptureQueriesContext(connection) as captured:
            services.review_tickets(ids=ids, values={}, by="ana", now=datetime.now(UTC))
        return len(captured)

    statements(1)
    assert statements(10) == statements(2)


# Taking it back


@pytest.mark.parametrize("values", [{}, {"category": "hr", "impact": 3}, {"group": "Messaging"}])
def test_undo_restores_everything_and_makes_the_label_none(
    unsure: Ticket, values: dict[str, Any]
) -> None:
    before = state(unsure)
    done = decide(unsure, **values)
    assert state(unsure) != before

    services.undo_review(token=done.token, by="ana", now=datetime.now(UTC))

    assert state(unsure) == before
    assert not Correction.objects.filter(undone_at=None).exists()
    assert TicketEvent.objects.filter(ticket=unsure).latest("pk").kind == "review_undone"


def test_undo_works_once_for_a_while_and_for_who_decided(unsure: Ticket) -> None:
    at = datetime.now(UTC)
    done = decide(unsure, at=at)

    for wrong, why in (
        ({"token": done.token, "by": "bob", "now": at}, "Only the person"),
        ({"token": done.token, "by": "ana", "now": at + 2 * UNDO_WITHIN}, "15 minutes"),
        ({"token": done.token + "x", "by": "ana", "now": at}, "no token"),
    ):
        with pytest.raises(CannotUndo, match=why):
            services.undo_review(**wrong)  # type: ignore[arg-type]
    services.undo_review(token=done.token, by="ana", now=at)
    with pytest.raises(CannotUndo, match="changed since"):
        services.undo_review(token=done.token, by="ana", now=at)


def test_the_token_of_a_review_does_not_take_back_a_later_one(unsure: Ticket) -> None:
    at = datetime.now(UTC)
    done = decide(unsure, at=at)
    services.undo_review(token=done.token, by="ana", now=at)
    decide(unsure, at=at + timedelta(minutes=1))

    with pytest.raises(CannotUndo, match="taken back already"):
        services.undo_review(token=done.token, by="ana", now=at + timedelta(minutes=2))


def test_a_merged_ticket_does_not_wait_again(unsure: Ticket) -> None:
    at = datetime.now(UTC)
    done = decide(unsure, at=at)
    merge_tickets(source=unsure.pk, into=make_ticket().pk, actor="ana", now=at)

    with pytest.raises(TicketMerged):
        services.undo_review(token=done.token, by="ana", now=at)


def test_undo_does_not_overwrite_what_somebody_did_since(unsure: Ticket) -> None:
    done = decide(unsure)
    change_tickets(ids=[unsure.pk], values={"priority": 1}, actor="bob", now=NOON)

    with pytest.raises(CannotUndo, match="changed since"):
        services.undo_review(token=done.token, by="ana", now=datetime.now(UTC))


def test_undo_does_not_show_what_a_restricted_department_said_since(unsure: Ticket) -> None:
    at = datetime.now(UTC)
    done = decide(unsure, category="hr", at=at)
    assert done.ticket.department == Department.objects.get(name="HR", restricted=True)
    comment_on(ticket=unsure, body="Her salary is …", public=False, actor="mia", now=at)

    with pytest.raises(CannotUndo, match="HR works on ticket"):
        services.undo_review(token=done.token, by="ana", now=at)


def test_an_escalation_meanwhile_does_not_stop_the_undo(unsure: Ticket) -> None:
    done = decide(unsure)
    Ticket.objects.filter(pk=unsure.pk).update(version=99, sla_breached=True)

    services.undo_review(token=done.token, by="ana", now=datetime.now(UTC))

    assert state(unsure)["triage_status"] == TriageStatus.NEEDS_REVIEW


# The API


def test_a_decision_by_api_answers_what_became_and_how_to_take_it_back(
    api: APIClient, unsure: Ticket
) -> None:
    url = f"{REVIEW}{unsure.pk}/"

    answer = api.post(url, {"category": "hr", "version": unsure.version}, format="json").json()

    assert (answer["result"], answer["category"], answer["department"]) == ("changed", "hr", "HR")
    undone = api.post(f"{REVIEW}undo/", {"undo_token": answer["undo_token"]}, format="json").json()
    assert undone["ticket"]["category"] == "network"
    assert undone["ticket"]["version"] > answer["version"]
    assert undone["rank"] > 0


@pytest.mark.parametrize(
    ("sent", "status", "named"),
    [
        ({}, 400, "accept"),
        ({"accept": False}, 400, "accept"),
        ({"category": "nonsense"}, 400, "category"),
        ({"category": None}, 400, "category"),
        ({"impact": 9}, 400, "impact"),
        ({"group": "Messaging", "department": "Finance"}, 400, "group"),
        ({"accept": True, "version": 99}, 412, ""),
    ],
)
def test_a_wrong_decision_is_told_by_its_field(
    api: APIClient, unsure: Ticket, sent: dict[str, Any], status: int, named: str
) -> None:
    answer = api.post(f"{REVIEW}{unsure.pk}/", sent, format="json")

    assert answer.status_code == status
    assert named in str(answer.json().get("errors", ""))
    assert not Correction.objects.exists()


def test_the_second_of_two_agents_is_told_that_it_is_decided(
    api: APIClient, unsure: Ticket
) -> None:
    url = f"{REVIEW}{unsure.pk}/"
    bob = client_for(make_user("bob", "Agent"))

    assert api.post(url, {"accept": True}, format="json").status_code == 200
    assert bob.post(url, {"category": "hr"}, format="json").status_code == 409


def test_corrections_are_listed_and_filtered(api: APIClient, agent: User, unsure: Ticket) -> None:
    decide(unsure, category="billing")

    def fields(query: str) -> set[str]:
        rows = api.get(f"/api/v1/corrections/?{query}").json()["results"]
        return {row["field"] for row in rows}

    assert "category" in fields("by=ana&via=review&undone=false")
    assert fields("agreed=false") == {"category"}
    assert "category" not in fields("agreed=true")
    assert fields(f"ticket={unsure.pk}&field=category") == {"category"}
    assert fields("undone=true") == set()
    assert fields("after=2999-01-01T00:00:00Z") == set()


def test_corrections_of_restricted_tickets_are_hidden(unsure: Ticket) -> None:
    decide(unsure, category="hr")  # which is restricted: bob is no member

    assert client_for(make_user("bob", "Agent")).get("/api/v1/corrections/").json()["results"] == []


# Races


@pytest.mark.django_db(transaction=True)
def test_of_many_who_decide_at_once_one_decides(transactional_db: Any) -> None:
    _defaults()
    ticket = make_ticket(title="VPN is down")
    services.run_jobs(
        ids=list(TriageJob.objects.values_list("pk", flat=True)), now=datetime.now(UTC)
    )
    ticket = wait_for_review(ticket)
    won, lost = [], []

    def decide_as(name: str, category: str) -> None:
        try:
            won.append(decide(ticket, by=name, category=category))
        except (NotWaiting, TicketChanged):
            lost.append(name)
        finally:
            connections.close_all()

    everybody = [
        threading.Thread(target=decide_as, args=(f"agent{n}", ("hr", "billing")[n % 2]))
        for n in range(6)
    ]
    for thread in everybody:
        thread.start()
    for thread in everybody:
        thread.join(30)

    assert (len(won), len(lost)) == (1, 5)
    assert Correction.objects.filter(field="category").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_decision_survives_jobs_that_run_at_the_same_time(transactional_db: Any) -> None:
    _defaults()
    made = [make_ticket(title=f"VPN {n} is down") for n in range(6)]
    services.run_jobs(
        ids=list(TriageJob.objects.values_list("pk", flat=True)), now=datetime.now(UTC)
    )
    waiting = [wait_for_review(ticket) for ticket in made]
    for ticket in made:
        services.retriage_one(ticket=ticket)
    jobs = list(TriageJob.objects.filter(state="pending").values_list("pk", flat=True))

    def work() -> None:
        try:
            services.run_jobs(ids=jobs, now=datetime.now(UTC))
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    decided = []
    for ticket in waiting:
        try:
            decide(ticket, category="hr")
            decided.append(ticket.pk)
        except NotWaiting:  # the job was first, and was sure
            pass
    worker.join(30)
    services.run_jobs(
        ids=list(TriageJob.objects.filter(state="pending").values_list("pk", flat=True)),
        now=datetime.now(UTC),
    )

    for ticket in Ticket.objects.filter(pk__in=decided).with_names():
        assert ticket.category is not None
        assert ticket.department is not None
        assert (ticket.category.slug, ticket.department.name) == ("hr", "HR")
        assert ticket.triage_status == TriageStatus.COMPLETED


def _defaults() -> None:
    """The rules and routes, which a flushed database has lost."""
    import importlib

    from django.apps import apps

    from triage.models import RoutingRule

    if not RoutingRule.objects.exists():
        importlib.import_module("triage.migrations.0003_defaults").install(
            apps, connections["default"]
        )


# The admin


def test_the_page_opens_for_those_who_may_decide() -> None:
    def status(role: str | None) -> int:
        client = Client()
        if role:
            client.force_login(make_user(role.lower(), role))
        return int(client.get("/review/").status_code)

    assert [status(role) for role in (None, "Viewer", "Agent", "Admin")] == [302, 403, 200, 200]


def test_on_a_tickets_page_one_button_says_that_triage_was_right(vpn: Ticket, agent: User) -> None:
    client = Client()
    client.force_login(agent)
    page = reverse("admin:tickets_ticket_change", args=[vpn.pk])
    assert "Triage was right" in client.get(page).content.decode()

    client.post(reverse("admin:tickets_ticket_step", args=[vpn.pk, "confirm"]))

    assert Correction.objects.get(field="category").agreed
    assert "Triage was right" not in client.get(page).content.decode()


def test_tickets_are_confirmed_together_in_the_list(vpn: Ticket, agent: User) -> None:
    untriaged, client = make_ticket(), Client()
    client.force_login(agent)

    answer = client.post(
        reverse("admin:tickets_ticket_changelist"),
        {"action": "confirm_triage", "_selected_action": [vpn.pk, untriaged.pk]},
        follow=True,
    )

    assert "1 tickets confirmed." in answer.content.decode()


def test_corrections_are_listed_in_the_admin_and_nobody_edits_them(vpn: Ticket) -> None:
    decide(vpn, via="ticket")
    client = Client()
    client.force_login(make_user("ada", "Admin"))

    page = client.get(reverse("admin:triage_correction_changelist"), {"agreed__exact": "1"})

    assert "network" in page.content.decode()
    row = reverse("admin:triage_correction_change", args=[Correction.objects.first().pk])
    client.post(row, {"value": "hr"})
    assert Correction.objects.get(field="category").value == "network"
