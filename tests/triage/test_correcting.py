"""What people say about decisions of triage becomes a label, and what follows from it happens."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers.services import cases, storms
from sla.services import escalating
from tests.factories import NOON, item, make_ticket
from tests.statements import statements_of
from tickets import services as tickets
from tickets.lifecycle import Status
from tickets.models import SupportGroup, Ticket, TicketEvent, TriageStatus
from triage import services
from triage.decide import decide
from triage.models import Correction, TriageDecision, TriageJob
from triage.services.correcting import ACTOR, MACHINES

pytestmark = pytest.mark.django_db
Change = tuple[str, str, str, bool]


def change(ticket: Ticket, actor: str = "ana", **values: Any) -> Ticket:
    [changed] = tickets.change_tickets(
        ids=[ticket.pk], values=values, actor=actor, now=datetime.now(UTC)
    )
    changed.refresh_from_db()
    return changed


def kept() -> list[Change]:
    rows = Correction.objects.order_by("pk")
    return list(rows.values_list("field", "before", "value", "agreed"))


def test_a_changed_category_is_kept_with_what_triage_had_said(vpn: Ticket) -> None:
    change(vpn, category="hr")

    kept_one = Correction.objects.get()
    decision = TriageDecision.objects.get()
    assert kept() == [("category", "network", "hr", False)]
    assert (kept_one.decision, kept_one.band, kept_one.confidence) == (
        decision,
        decision.band,
        decision.confidence,
    )
    assert (kept_one.by, kept_one.via, kept_one.undone_at) == ("ana", "ticket", None)


def test_each_changed_field_is_a_correction_of_its_own(vpn: Ticket) -> None:
    change(vpn, category="hr", priority=4, group="Messaging", title="Other words")

    assert {(field, value) for field, _, value, _ in kept()} == {
        ("category", "hr"),
        ("priority", "4"),
        ("group", "Messaging"),
    }


def test_going_back_to_what_triage_said_agrees_with_it(vpn: Ticket) -> None:
    change(vpn, category="hr")
    change(vpn, category="network")

    assert kept() == [
        ("category", "network", "hr", False),
        ("category", "hr", "network", True),
    ]


def test_a_second_opinion_on_what_a_person_decided_is_no_judgement_of_triage(
    vpn: Ticket, triage_all: Any
) -> None:
    change(vpn, category="hr")
    services.retriage_one(ticket=vpn)
    triage_all()

    change(vpn, actor="bob", category="billing")
    change(vpn, actor="ana", category="hr")

    later = Correction.objects.exclude(decision=TriageDecision.objects.earliest("pk"))
    assert set(later.values_list("agreed", "band", "confidence")) == {(False, "", None)}


@pytest.mark.parametrize("actor", sorted(MACHINES))
def test_what_the_machine_changes_is_no_label(vpn: Ticket, actor: str) -> None:
    change(vpn, actor=actor, category="hr", priority=4)

    assert kept() == []
    assert {escalating.ACTOR, cases.ACTOR, storms.ACTOR, ACTOR} == MACHINES


def test_handing_a_field_back_is_no_label(vpn: Ticket) -> None:
    change(vpn, category=None)

    assert kept() == []


def test_before_triage_there_is_nothing_to_correct() -> None:
    change(make_ticket(), category="hr")

    assert kept() == []


def test_what_the_sender_sends_later_is_a_label_too(triage_all: Any) -> None:
    make_ticket(title="VPN is down", external_id="7")
    triage_all()

    tickets.open_tickets(
        items=[item(title="VPN is down", external_id="7", category="hr")], actor="sync", now=NOON
    )

    assert kept() == [("category", "network", "hr", False)]


def test_changes_of_many_tickets_cost_one_statement(triage_all: Any) -> None:
    def statements(count: int) -> int:
        made = [make_ticket(title=f"VPN {number} is down").pk for number in range(count)]
        triage_all()
        return statements_of(
            lambda: tickets.change_tickets(
                ids=made, values={"category": "hr"}, actor="ana", now=NOON
            )
        )

    statements(1)
    assert statements(12) == statements(2)
    assert Correction.objects.count() == 15


def test_where_nobody_spoke_nothing_is_asked() -> None:
    ticket = make_ticket()

    with CaptureQueriesContext(connection) as captured:
        tickets.move_tickets(ids=[ticket.pk], status=Status.IN_PROGRESS, actor="ana", now=NOON)

    assert not [query for query in captured if 'FROM "triage_' in query["sql"]]


def test_a_corrected_category_takes_its_own_route(vpn: Ticket) -> None:
    changed = change(vpn, category="hr")

    assert changed.department is not None
    assert changed.department.name == "HR"
    assert changed.group is None or changed.group.department == changed.department
    last = TicketEvent.objects.filter(ticket=vpn).latest("pk")
    assert (last.kind, last.actor) == ("routed", "triage")
    assert "category hr" in last.reason


def test_a_department_that_a_person_chose_stays_when_they_correct_the_category(vpn: Ticket) -> None:
    change(vpn, department="Finance")

    changed = change(vpn, category="hr")

    assert changed.department is not None
    assert changed.department.name == "Finance"


def test_a_group_that_a_person_chose_stays_with_its_department(vpn: Ticket) -> None:
    change(vpn, group="Messaging")

    changed = change(vpn, category="hr")

    assert changed.group == SupportGroup.objects.get(name="Messaging")
    assert changed.group.department == changed.department


def test_a_ticket_whose_category_a_person_decided_waits_for_no_review(vpn: Ticket) -> None:
    Ticket.objects.filter(pk=vpn.pk).update(triage_status=TriageStatus.NEEDS_REVIEW)

    assert change(vpn, category="hr").triage_status == TriageStatus.COMPLETED


def test_a_route_may_ask_for_the_priority_that_follows_from_the_same_change(vpn: Ticket) -> None:
    changed = change(vpn, impact=3, urgency=3, category="hr")

    assert changed.priority == 4
    assert ("impact", "1", "3", False) in kept()


def test_a_category_set_while_the_engines_were_thinking_keeps_its_route(
    monkeypatch: pytest.MonkeyPatch, vpn: Ticket
) -> None:
    def meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        change(vpn, category="hr")
        return decide(*args)

    services.retriage_one(ticket=vpn)
    monkeypatch.setattr("triage.services.running.decide", meanwhile)
    [job] = TriageJob.objects.filter(state="pending").values_list("pk", flat=True)
    services.run_jobs(ids=[job], now=datetime.now(UTC))

    vpn.refresh_from_db()
    assert (vpn.category.slug, vpn.department.name) == ("hr", "HR")
    again = TriageJob.objects.get(state="pending")
    services.run_jobs(ids=[again.pk], now=datetime.now(UTC))
    vpn.refresh_from_db()
    assert (vpn.category.slug, vpn.department.name) == ("hr", "HR")
    assert vpn.triage_status == TriageStatus.COMPLETED
    assert not TriageJob.objects.filter(state="pending").exists()
