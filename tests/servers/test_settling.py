"""What time does to incidents."""

from datetime import timedelta

import pytest

from servers.alerts import Action
from servers.lifecycle import State
from servers.models import Incident, Integration, MaintenanceWindow, Server
from servers.services import follow_events, forget_old_marks, settle_incidents, settling
from tests.factories import NOON
from tests.servers.alerts import alert, later, make_integration, tell
from tests.servers.happenings import happen, make_server
from tickets.lifecycle import Status
from tickets.models import Department, SupportGroup, Ticket
from tickets.services import move_tickets

TRIGGER, ACKNOWLEDGE, RESOLVE = Action
pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(db: None) -> Integration:
    return make_integration(recovery_grace=timedelta(minutes=2))


def flap(sender: Integration, changes: int, *, every: float = 1.0) -> None:
    """It fires, and is well and ill again `changes` times, a minute each."""
    tell(alert(sender))
    for number in range(1, changes + 1):
        action = RESOLVE if number % 2 else TRIGGER
        tell(alert(sender, action, at=later(minutes=number * every)))


def test_a_recovery_that_lasted_resolves_the_ticket(sender: Integration) -> None:
    flap(sender, 1)
    assert settle_incidents(now=later(minutes=2.9)) == 0
    assert settle_incidents(now=later(minutes=3)) == 1

    incident, ticket = Incident.objects.get(), Ticket.objects.get()
    assert (incident.state, incident.resolved_at, incident.resolve_at) == (
        "resolved",
        later(minutes=3),
        None,
    )
    assert (ticket.status, ticket.resolved_at) == ("resolved", later(minutes=3))
    assert settle_incidents(now=later(minutes=4)) == 0


def test_four_changes_are_no_flapping_and_five_are(sender: Integration) -> None:
    flap(sender, 4)
    assert Incident.objects.get().flapping_since is None
    assert Ticket.objects.get().tags == []

    tell(alert(sender, RESOLVE, at=later(minutes=5)))
    assert Incident.objects.get().flapping_since == later(minutes=5)
    ticket = Ticket.objects.get()
    assert ticket.tags == ["flapping"]
    event = ticket.events.order_by("-pk")[0]
    assert event.reason == "It comes and goes: 5 changes within 30 minutes."


def test_five_changes_in_a_long_time_are_no_flapping(sender: Integration) -> None:
    flap(sender, 9, every=8)
    assert Incident.objects.get().flapping_since is None


def test_what_flaps_is_resolved_when_it_kept_still(sender: Integration) -> None:
    flap(sender, 5)
    settle_incidents(now=later(minutes=34))
    assert Ticket.objects.get().status == "open"

    settle_incidents(now=later(minutes=35))
    ticket, incident = Ticket.objects.get(), Incident.objects.get()
    assert (ticket.status, ticket.tags) == ("resolved", [])
    assert (incident.state, incident.flapping_since) == ("resolved", None)


def test_what_keeps_firing_still_flaps_no_more(sender: Integration) -> None:
    flap(sender, 6)
    tell(alert(sender, at=later(minutes=30)))  # a repetition is no change
    settle_incidents(now=later(minutes=36))

    ticket, incident = Ticket.objects.get(), Incident.objects.get()
    assert (ticket.status, ticket.tags) == ("open", [])
    assert (incident.state, incident.flapping_since) == ("firing", None)


def test_a_ticket_that_a_person_ended_loses_the_tag_later(sender: Integration) -> None:
    flap(sender, 5)
    move_tickets(
        ids=[Ticket.objects.get().pk], status=Status.RESOLVED, actor="ana", now=later(minutes=6)
    )
    settle_incidents(now=later(minutes=35))

    ticket = Ticket.objects.get()
    assert (ticket.status, ticket.tags) == ("resolved", [])
    assert settle_incidents(now=later(minutes=36)) == 0


def test_a_window_that_is_called_off_lets_tickets_go(sender: Integration) -> None:
    window = MaintenanceWindow.objects.create(
        title="Disks", labels={"server": "db-1"}, starts_at=NOON, ends_at=later(hours=1)
    )
    tell(alert(sender, server="db-1", impact=1, body="97 % used"))
    assert settle_incidents(now=later(minutes=1)) == 0
    window.delete()

    assert settle_incidents(now=later(minutes=2)) == 1
    ticket, incident = Ticket.objects.get(), Incident.objects.get()
    assert (ticket.title, ticket.description, ticket.impact) == ("Disk full", "97 % used", 1)
    assert (incident.ticket, incident.suppressed, incident.held) == (ticket, True, None)


@pytest.mark.parametrize("gone", ["department", "group"])
def test_a_ticket_that_was_held_is_opened_though_where_it_should_go_is_gone(
    sender: Integration, gone: str
) -> None:
    department = Department.objects.create(name="Night shift")
    group = SupportGroup.objects.create(name="Owls", department=department)
    window = MaintenanceWindow.objects.create(
        title="Disks", labels={"server": "db-1"}, starts_at=NOON, ends_at=later(hours=1)
    )
    tell(alert(sender, server="db-1", department=department.pk, group=group.pk))
    group.delete()
    if gone == "department":
        department.delete()

    assert settle_incidents(now=window.ends_at) == 1
    ticket = Ticket.objects.get()
    assert (ticket.title, ticket.group) == ("Disk full", None)
    assert ticket.department == (None if gone == "department" else department)


def still_failing() -> Ticket:
    server = make_server()
    happen(server, State.FAILED)
    follow_events(now=NOON)
    return Ticket.objects.get()


def move(ticket: Ticket, status: Status) -> None:
    move_tickets(ids=[ticket.pk], status=status, actor="ana", now=later(minutes=5))


@pytest.mark.usefixtures("db")
def test_a_ticket_that_a_person_resolved_is_reopened_while_its_server_still_fails() -> None:
    ticket = still_failing()
    move(ticket, Status.RESOLVED)

    assert settle_incidents(now=later(minutes=19)) == 0
    assert settle_incidents(now=later(minutes=20)) == 1
    assert settle_incidents(now=later(minutes=21)) == 0
    ticket.refresh_from_db()
    assert ticket.status == "open"
    assert ticket.events.latest("pk").reason == "servers: it still fires."
    assert Incident.objects.get().state == "firing"


@pytest.mark.usefixtures("db")
def test_it_stays_ended_if_it_was_cancelled_or_the_server_is_well_or_in_maintenance() -> None:
    ticket = still_failing()
    move(ticket, Status.CANCELLED)
    assert settle_incidents(now=later(minutes=30)) == 0

    Ticket.objects.update(status="resolved", resolved_at=later(minutes=5))
    window = MaintenanceWindow.objects.create(
        title="Disks", labels={"server": "db-1"}, starts_at=NOON, ends_at=later(hours=1)
    )
    assert settle_incidents(now=later(minutes=30)) == 0

    window.delete()
    happen(Server.objects.get(), State.RUNNING, at=later(minutes=29))
    follow_events(now=later(minutes=30))
    assert settle_incidents(now=later(minutes=30)) == 0
    assert Incident.objects.get().dismissed_at is None


def test_one_that_cannot_be_settled_stays_behind_alone(
    sender: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(*[alert(sender, key=key) for key in ("good", "bad", "fine")])
    tell(*[alert(sender, RESOLVE, key=k, at=later(minutes=1)) for k in ("good", "bad", "fine")])
    write = settling.write_cases

    def refuse_bad(cases, *, now):  # type: ignore[no-untyped-def]
        if any(case.incident.key == "bad" for case in cases):
            raise ValueError("no such luck")
        write(cases, now=now)

    monkeypatch.setattr(settling, "write_cases", refuse_bad)
    assert settle_incidents(now=later(minutes=5)) == 2
    assert Incident.objects.active().get().key == "bad"


def test_marks_are_forgotten_after_a_week_and_incidents_with_a_ticket_never(
    sender: Integration,
) -> None:
    tell(alert(sender, RESOLVE, key="mark"))
    flap(sender, 1)
    settle_incidents(now=later(minutes=5))

    assert forget_old_marks(later(days=6)) == 0
    assert forget_old_marks(later(days=8)) == 1
    assert Incident.objects.get().key == "disk"
