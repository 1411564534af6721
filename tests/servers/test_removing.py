"""Servers and integrations go; what they opened waits for nobody."""

import pytest

from servers.alerts import Action
from servers.lifecycle import State
from servers.models import Incident, Integration, MaintenanceWindow, Server, ServerEvent
from servers.services import follow_events, forget_old_marks, settle_incidents
from servers.services.removing import delete_integration, delete_servers
from tests.factories import NOON, make_ticket
from tests.servers.alerts import alert, later, make_integration, make_window, tell
from tests.servers.happenings import happen, make_server
from tests.statements import statements_of
from tickets.models import Ticket
from tickets.services import merge_tickets

pytestmark = pytest.mark.django_db


def fail(*names: str) -> list[Server]:
    servers = [make_server(name) for name in names]
    for server in servers:
        happen(server, State.FAILED)
    follow_events(now=NOON)
    return servers


def remove(*servers: Server) -> int:
    return delete_servers(ids=[s.pk for s in servers], actor="ana", now=later(minutes=5))


def test_with_a_server_its_problem_is_over_and_its_ticket_resolved() -> None:
    [server] = fail("db-1")

    assert remove(server) == 1

    ticket, incident = Ticket.objects.get(), Incident.objects.get()
    assert (ticket.status, ticket.resolved_at) == ("resolved", later(minutes=5))
    assert ticket.events.latest("pk").reason == "Server db-1 was removed by ana."
    assert (incident.state, incident.server, incident.sender) == ("resolved", None, "db-1")
    assert not ServerEvent.objects.exists()
    assert settle_incidents(now=later(days=1)) == 0


def test_a_ticket_with_another_problem_stays_open() -> None:
    one, two = fail("db-1", "db-2")
    first, second = Ticket.objects.order_by("pk")
    merge_tickets(source=first.pk, into=second.pk, actor="ana", now=NOON)

    remove(one)
    assert Ticket.objects.get(pk=second.pk).status == "open"
    remove(two)
    assert Ticket.objects.get(pk=second.pk).status == "resolved"


def test_alerts_about_a_server_outlive_it() -> None:
    sender, server = make_integration(), make_server("db-1")
    [opened] = tell(alert(sender, server="db-1"))

    remove(server)

    assert Incident.objects.get().state == "firing"
    [again] = tell(alert(sender, server="db-1", at=later(minutes=6)))
    assert (again.result, again.ticket) == ("appended", opened.ticket)
    [over] = tell(alert(sender, Action.RESOLVE, at=later(minutes=7)))
    assert (over.result, over.ticket) == ("resolved", opened.ticket)


def test_what_a_window_held_back_opens_nothing_any_more() -> None:
    make_window()
    [server] = fail("db-1")
    remove(server)
    MaintenanceWindow.objects.all().delete()

    assert settle_incidents(now=later(minutes=10)) == 0
    assert not Ticket.objects.exists()
    assert forget_old_marks(later(days=8)) == 1


def test_many_servers_cost_no_more_statements_than_one() -> None:
    servers = fail(*(f"web-{number}" for number in range(21)))

    remove(servers.pop())
    one = statements_of(lambda: remove(servers.pop()))
    assert statements_of(lambda: remove(*servers)) == one
    assert set(Ticket.objects.values_list("status", flat=True)) == {"resolved"}


def test_the_open_tickets_of_an_integration_that_goes_say_so(db: None) -> None:
    sender: Integration = make_integration()
    one, two, three = tell(*[alert(sender, key=key) for key in ("one", "two", "three")])
    other = make_ticket()
    tell(alert(sender, Action.RESOLVE, key="two", at=later(minutes=1)))
    merge_tickets(source=three.ticket or 0, into=one.ticket or 0, actor="ana", now=NOON)

    delete_integration(integration=sender, actor="ana", now=later(minutes=5))

    said = "Prometheus was removed by ana: it will not say any more when this is over."
    told = {
        ticket.pk: list(ticket.events.filter(reason=said).values_list("changes", flat=True))
        for ticket in Ticket.objects.all()
    }
    assert told.pop(one.ticket or 0) == [{"integration": ["Prometheus", None]}]
    assert not any(told.values())
    assert Ticket.objects.get(pk=one.ticket).status == "open"
    assert Ticket.objects.get(pk=other.pk).events.count() == 1
    assert not Incident.objects.exists()
    assert two.ticket
