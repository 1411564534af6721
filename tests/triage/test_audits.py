"""A part of what is decided automatically is looked at all the same: nobody grades himself."""

import hashlib
from typing import Any

import pytest

from tests.factories import make_ticket
from tickets.models import TriageStatus
from triage.decide import Knowledge, pick_for_audit
from triage.matrix import DEFAULT, PriorityMatrix
from triage.models import FieldPolicy, TriageDecision
from triage.routing import RoutingSpec, RoutingTable
from triage.rules import RuleBook

SURE = {"title": "Cannot connect to VPN", "description": "The VPN client drops the tunnel."}


def knowing(share: float) -> Knowledge:
    return Knowledge(
        rules=RuleBook.compile([]),
        matrix=PriorityMatrix(DEFAULT),
        routing=RoutingTable.build([RoutingSpec(1, 1, "rest", "General", is_default=True)]),
        audit_share=share,
    )


def picked(digest: str, share: float) -> bool:
    why = {"why": "Sure."}
    pick_for_audit(why, digest, knowing(share))
    return "audit" in why


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_as_many_are_picked_as_the_policy_says_and_always_the_same(share: float) -> None:
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000)]

    found = [picked(digest, share) for digest in digests]

    assert abs(sum(found) / len(found) - share) < 0.01
    assert found == [picked(digest, share) for digest in digests]


@pytest.mark.django_db
def test_a_picked_ticket_is_routed_as_decided_and_waits_for_a_look(triage_all: Any) -> None:
    FieldPolicy.objects.filter(field="category").update(audit_share=1.0)
    ticket = make_ticket(**SURE)
    triage_all()

    ticket.refresh_from_db()
    decision = TriageDecision.objects.get(ticket=ticket)
    assert (decision.band, ticket.triage_status) == ("auto", TriageStatus.NEEDS_REVIEW)
    assert ticket.department.name == decision.department != "General"
    assert decision.fields["category"]["audit"] is True
    assert "Picked for an audit" in decision.fields["category"]["why"]


@pytest.mark.django_db
def test_what_a_person_decided_needs_no_audit(triage_all: Any) -> None:
    FieldPolicy.objects.filter(field="category").update(audit_share=1.0)
    ticket = make_ticket(**SURE, category="network")
    triage_all()

    ticket.refresh_from_db()
    assert ticket.triage_status == TriageStatus.COMPLETED
    assert "audit" not in TriageDecision.objects.get(ticket=ticket).fields["category"]


@pytest.mark.django_db
def test_without_audits_a_sure_ticket_waits_for_nobody(triage_all: Any) -> None:
    FieldPolicy.objects.filter(field="category").update(audit_share=0.0)
    ticket = make_ticket(**SURE)
    triage_all()

    ticket.refresh_from_db()
    assert ticket.triage_status == TriageStatus.COMPLETED
