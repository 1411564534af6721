"""Whatever alerts, people and time do, in any order: incidents and tickets agree with each other."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servers.alerts import Action
from servers.models import Incident, Integration
from servers.services import settle_incidents
from tests.factories import NOON
from tests.servers.alerts import alert, make_integration, tell
from tickets.lifecycle import MOVES, Status
from tickets.models import Ticket
from tickets.services import move_tickets

pytestmark = pytest.mark.django_db

ENDED = {"resolved", "closed", "cancelled"}
happenings = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(Action), st.sampled_from(["a", "b"]), st.integers(0, 3)),
        st.sampled_from([Status.OPEN, Status.RESOLVED, Status.CANCELLED]),
        st.sampled_from([timedelta(minutes=3), timedelta(minutes=40), timedelta(hours=5)]),
    ),
    min_size=1,
    max_size=14,
)


def check(sender: Integration, touched: set[int]) -> None:
    """`touched`: tickets that people moved, which may be open without a problem."""
    incidents = Incident.objects.filter(integration=sender)
    for key in ("a", "b"):
        assert incidents.active().filter(key=key).count() <= 1
    for incident in incidents.active():
        assert incident.ticket is not None
        assert incident.ticket.status not in ENDED
    for ticket in Ticket.objects.filter(source=sender.name).exclude(status__in=ENDED):
        assert ticket.pk in touched or ticket.incidents.active().exists()


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(happenings, st.sampled_from([timedelta(0), timedelta(minutes=2)]))
def test_incidents_and_tickets_agree(events, grace) -> None:
    sender = make_integration(str(uuid4()), recovery_grace=grace)
    now, touched = NOON, set()
    for event in events:
        now += timedelta(minutes=1)
        if isinstance(event, timedelta):
            now += event
            settle_incidents(now=now)
        elif isinstance(event, Status):
            for ticket in Ticket.objects.filter(source=sender.name):
                if event in MOVES[Status(ticket.status)]:
                    move_tickets(ids=[ticket.pk], status=event, actor="ana", now=now)
                    touched.add(ticket.pk)
        else:
            action, key, late = event
            tell(alert(sender, action, key=key, at=now - timedelta(minutes=late)), now=now)
        check(sender, touched)
