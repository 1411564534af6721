"""One problem, one ticket: what alerts do to incidents and tickets."""

from datetime import timedelta
from typing import Any

import pytest

from servers.alerts import Action
from servers.models import Incident, Integration
from servers.services.incidents import Outcome
from sla.models import SlaClock, SlaPolicyVersion
from tests.factories import NOON, make_ticket
from tests.servers.alerts import alert, later, make_integration, make_window, tell
from tests.servers.happenings import make_server
from tests.statements import statements_of
from tickets.lifecycle import Status
from tickets.models import Department, SupportGroup, Ticket
from tickets.services import change_tickets, delete_tickets, merge_tickets, move_tickets

TRIGGER, ACKNOWLEDGE, RESOLVE = Action
pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(db: None) -> Integration:
    return make_integration()


@pytest.fixture
def patient(db: None) -> Integration:
    """One whose recoveries must last two minutes."""
    return make_integration("Grafana", recovery_grace=timedelta(minutes=2))


def history(ticket: int) -> list[tuple[str, dict, str]]:
    events = Ticket.objects.get(pk=ticket).events.order_by("pk")
    return [(e.kind, e.changes, e.reason) for e in events if e.kind != "opened"]


def test_an_alert_opens_a_ticket_with_all_it_says(sender: Integration) -> None:
    department = Department.objects.get(name="IT Support")
    group = SupportGroup.objects.filter(department=department).first()
    assert group

    [outcome] = tell(
        alert(
            sender,
            title="Disk  full\non db-1",
            body="97 % used",
            impact=1,
            urgency=2,
            labels={"region": "eu-1"},
            server="db-1",
            department=department.pk,
            group=group.pk,
        )
    )

    ticket = Ticket.objects.get()
    assert (outcome.result, outcome.ticket) == ("created", ticket.pk)
    assert (ticket.title, ticket.description) == ("Disk full on db-1", "97 % used")
    assert (ticket.source, ticket.server) == ("Prometheus", "db-1")
    assert (ticket.impact, ticket.urgency) == (1, 2)
    assert (ticket.department, ticket.group) == (department, group)
    assert set(ticket.locked_fields) == {"impact", "urgency", "department", "group"}
    incident = Incident.objects.get()
    assert (incident.state, incident.ticket, incident.alerts) == ("firing", ticket, 1)
    assert incident.labels == {"region": "eu-1", "server": "db-1"}


def test_the_same_alert_again_is_counted_and_says_nothing_on_the_ticket(
    sender: Integration,
) -> None:
    [first] = tell(alert(sender))
    assert first.ticket
    for minute in range(1, 4):
        outcomes = tell(*[alert(sender, at=later(minutes=minute))] * 100)
        assert {(o.result, o.ticket) for o in outcomes} == {("appended", first.ticket)}

    incident = Incident.objects.get()
    assert (incident.alerts, incident.last_at) == (301, later(minutes=3))
    assert history(first.ticket) == []


def test_500_problems_cost_no_more_statements_than_one(sender: Integration) -> None:
    def statements(*alerts: object) -> int:
        return statements_of(lambda: tell(*alerts))  # type: ignore[arg-type]

    tell(alert(sender, key="warm"))
    one = statements(alert(sender, key="one"))
    many = [f"key {number}" for number in range(500)]
    assert statements(*[alert(sender, key=key) for key in many]) == one
    again = statements(*[alert(sender, key=key, at=later(minutes=1)) for key in many])
    assert again <= 9
    over = statements(alert(sender, RESOLVE, key="one", at=later(minutes=2)))
    all_over = [alert(sender, RESOLVE, key=key, at=later(minutes=2)) for key in many]
    assert statements(*all_over) == over
    assert Ticket.objects.filter(status="resolved").count() == 501


def test_a_recovery_resolves_the_ticket_at_once_without_a_grace(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    [outcome] = tell(alert(sender, RESOLVE, at=later(minutes=5)))

    assert opened.ticket
    assert (outcome.result, outcome.ticket) == ("resolved", opened.ticket)
    ticket, incident = Ticket.objects.get(), Incident.objects.get()
    assert (ticket.status, ticket.resolved_at) == ("resolved", later(minutes=5))
    assert (incident.state, incident.resolved_at) == ("resolved", later(minutes=5))
    [(kind, _, reason)] = history(opened.ticket)
    assert (kind, reason) == ("moved", "Prometheus: it is over.")


def test_a_recovery_waits_for_the_grace(patient: Integration) -> None:
    tell(alert(patient))
    [outcome] = tell(alert(patient, RESOLVE, at=later(minutes=5)))

    assert outcome.result == "resolved"
    assert outcome.detail == "Resolved at 2026-03-03 12:07:00 UTC if it stays well."
    incident = Incident.objects.get()
    assert (incident.state, incident.resolve_at) == ("recovering", later(minutes=7))
    assert Ticket.objects.get().status == "open"


def test_failing_again_in_the_grace_goes_on_with_the_ticket(patient: Integration) -> None:
    tell(alert(patient))
    tell(alert(patient, RESOLVE, at=later(minutes=5)))
    [outcome] = tell(alert(patient, at=later(minutes=6)))

    assert outcome.result == "appended"
    incident = Incident.objects.get()
    assert (incident.state, incident.resolve_at, incident.alerts) == ("firing", None, 2)
    assert len(incident.changed_at) == 2


def test_failing_again_within_the_window_reopens_the_ticket(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    tell(alert(sender, RESOLVE, at=later(minutes=5)))
    [outcome] = tell(alert(sender, at=later(hours=4)))

    assert (outcome.result, outcome.ticket) == ("reopened", opened.ticket)
    assert Ticket.objects.get().status == "open"
    incident = Incident.objects.get()
    assert (incident.state, incident.resolved_at) == ("firing", None)


def test_failing_again_after_the_window_opens_another_ticket(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    tell(alert(sender, RESOLVE, at=later(minutes=5)))
    [outcome] = tell(alert(sender, at=later(hours=4, minutes=5)))

    assert outcome.result == "created"
    assert outcome.ticket != opened.ticket
    assert Incident.objects.count() == 2


def test_a_ticket_that_may_not_be_reopened_gets_a_successor(db: None) -> None:
    sender = make_integration(reopen_window=timedelta(days=60))
    [opened] = tell(alert(sender))
    assert opened.ticket
    tell(alert(sender, RESOLVE, at=later(minutes=5)))
    move_tickets(ids=[opened.ticket], status=Status.CLOSED, actor="ana", now=later(minutes=6))

    [outcome] = tell(alert(sender, at=later(days=30)))

    assert outcome.result == "created"
    assert Ticket.objects.count() == Incident.objects.count() == 2


def test_one_chunk_may_tell_a_whole_story(sender: Integration) -> None:
    outcomes = tell(
        alert(sender),
        alert(sender, RESOLVE, at=later(minutes=1)),
        alert(sender, at=later(minutes=2)),
        alert(sender, RESOLVE, at=later(minutes=3)),
    )

    assert [o.result for o in outcomes] == ["created", "resolved", "reopened", "resolved"]
    assert {o.ticket for o in outcomes} == {Ticket.objects.get().pk}
    assert Ticket.objects.get().status == "resolved"
    assert Incident.objects.get().alerts == 2


def test_without_a_window_one_chunk_may_end_one_problem_and_begin_the_next() -> None:
    sender = make_integration(reopen_window=timedelta(0))
    [first] = tell(alert(sender))
    over, second = tell(
        alert(sender, RESOLVE, at=later(minutes=1)), alert(sender, at=later(minutes=2))
    )

    assert (over.ticket, over.result, second.result) == (first.ticket, "resolved", "created")
    assert dict(Ticket.objects.values_list("pk", "status")) == {
        first.ticket: "resolved",
        second.ticket: "open",
    }


def test_a_resolve_before_its_trigger_leaves_a_mark_that_ignores_it(sender: Integration) -> None:
    [mark] = tell(alert(sender, RESOLVE, at=later(minutes=5)))
    [late] = tell(alert(sender), now=later(minutes=6))
    [new] = tell(alert(sender, at=later(minutes=7)))

    assert [mark.result, late.result, new.result] == ["ignored", "ignored", "created"]
    assert (mark.ticket, late.ticket) == (None, None)
    assert late.detail == "It was said before 2026-03-03 12:05:00 UTC, when it was over."
    assert Incident.objects.get().ticket_id == new.ticket == Ticket.objects.get().pk


def test_duplicates_and_stragglers_change_nothing(sender: Integration) -> None:
    tell(alert(sender, at=later(minutes=1)))
    tell(alert(sender, RESOLVE, at=later(minutes=2)))
    before = Incident.objects.values().get()

    outcomes = tell(
        alert(sender, at=later(minutes=1)),
        alert(sender, RESOLVE, at=later(minutes=2)),
        alert(sender, at=later(minutes=2)),
        now=later(minutes=3),
    )

    assert {o.result for o in outcomes} == {"ignored"}
    assert Incident.objects.values().get() == before


def test_an_old_resolve_does_not_end_what_fired_again(sender: Integration) -> None:
    tell(alert(sender, at=later(minutes=3)))
    [outcome] = tell(alert(sender, RESOLVE, at=later(minutes=2)), now=later(minutes=4))

    assert outcome.result == "ignored"
    assert Incident.objects.get().state == "firing"


def test_a_senders_clock_that_is_ahead_does_not_deafen(sender: Integration) -> None:
    tell(alert(sender, at=later(days=900)), now=NOON)
    [outcome] = tell(alert(sender, RESOLVE, at=later(minutes=1)))

    assert outcome.result == "resolved"


def test_worse_news_make_the_ticket_graver_and_better_news_do_not(sender: Integration) -> None:
    [opened] = tell(alert(sender, impact=2, urgency=2))
    tell(alert(sender, impact=1, urgency=3, at=later(minutes=1)))
    tell(alert(sender, impact=3, urgency=3, at=later(minutes=2)))

    ticket = Ticket.objects.get()
    assert (ticket.impact, ticket.urgency) == (1, 2)
    assert opened.ticket
    assert ("updated", {"impact": [2, 1]}, "It got worse.") in history(opened.ticket)


def test_what_a_person_calmed_down_stays_while_the_alert_only_repeats(sender: Integration) -> None:
    [opened] = tell(alert(sender, impact=1, urgency=1))
    assert opened.ticket
    change_tickets(ids=[opened.ticket], values={"impact": 3}, actor="ana", now=NOON)
    tell(alert(sender, impact=1, urgency=1, at=later(minutes=1)))

    assert Ticket.objects.get().impact == 3


def test_one_bad_alert_fails_alone_and_leaves_nothing(sender: Integration) -> None:
    outcomes = tell(
        alert(sender, key="good"),
        alert(sender, key="bad", impact=7),
        alert(sender, key=""),
        alert(sender, key="x" * 301),
        alert(sender, key="nul \x00"),
        alert(sender, key="text", title="a\x00b", body="\ud800" * 40_000, labels={"a": "\x00"}),
        alert(key="nobody", origin="integration:987654"),
    )

    assert [o.result for o in outcomes] == [
        *("created", "ignored", "ignored", "ignored", "ignored", "created", "ignored"),
    ]
    assert "impact" in outcomes[1].detail
    assert outcomes[2].detail == "key: must be text of 1 to 300 characters."
    assert outcomes[-1].detail == "There is no integration:987654 any more."
    assert set(Incident.objects.values_list("key", flat=True)) == {"good", "text"}


def test_a_group_that_belongs_elsewhere_by_now_is_left_to_triage(sender: Integration) -> None:
    hr = Department.objects.get(name="HR")
    network = SupportGroup.objects.exclude(department=hr).first()
    assert network
    outcomes = tell(
        alert(sender, key="good", department=hr.pk),
        alert(sender, key="astray", department=hr.pk, group=network.pk),
        alert(sender, key="astray", department=hr.pk, group=network.pk, at=later(minutes=1)),
    )

    assert [o.result for o in outcomes] == ["created", "created", "appended"]
    assert [o.detail for o in outcomes] == [
        "",
        f"group: {network} belongs to {network.department}, not HR. Triage decides.",
        "",
    ]
    ticket = Ticket.objects.get(pk=outcomes[1].ticket)
    assert (ticket.department, ticket.group, ticket.locked_fields) == (hr, None, ["department"])


def test_news_of_a_merged_ticket_go_to_the_one_that_goes_on(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    other = make_ticket()
    assert opened.ticket
    merge_tickets(source=opened.ticket, into=other.pk, actor="ana", now=NOON)

    [again] = tell(alert(sender, at=later(minutes=1)))
    [over] = tell(alert(sender, RESOLVE, at=later(minutes=2)))

    assert (again.result, again.ticket) == ("appended", other.pk)
    assert (over.result, over.ticket) == ("resolved", other.pk)
    other.refresh_from_db()
    assert other.status == "resolved"


def test_a_ticket_of_two_problems_is_resolved_with_the_last(sender: Integration) -> None:
    one, two = tell(alert(sender, key="one"), alert(sender, key="two"))
    assert one.ticket
    assert two.ticket
    merge_tickets(source=one.ticket, into=two.ticket, actor="ana", now=NOON)

    tell(alert(sender, RESOLVE, key="two", at=later(minutes=1)))
    assert Ticket.objects.get(pk=two.ticket).status == "open"
    tell(alert(sender, RESOLVE, key="one", at=later(minutes=2)))
    assert Ticket.objects.get(pk=two.ticket).status == "resolved"


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CANCELLED])
def test_a_person_who_ends_the_ticket_ends_the_incident(
    sender: Integration, status: Status
) -> None:
    [opened] = tell(alert(sender))
    assert opened.ticket
    move_tickets(ids=[opened.ticket], status=status, actor="ana", now=later(minutes=5))

    incident = Incident.objects.get()
    assert (incident.state, incident.resolved_at) == ("resolved", later(minutes=5))
    [stale] = tell(alert(sender, at=later(minutes=4)), now=later(minutes=6))
    assert stale.result == "ignored"
    [again] = tell(alert(sender, at=later(minutes=6)))
    assert (again.result, again.ticket) == ("reopened", opened.ticket)


def end(ticket: int | None, *, minute: int = 5, status: Status = Status.RESOLVED) -> None:
    assert ticket
    move_tickets(ids=[ticket], status=status, actor="ana", now=later(minutes=minute))


def repeat(sender: Integration, minute: float, **fields: Any) -> Outcome:
    """The alert comes again, which names the time at which it began."""
    now = later(minutes=minute)
    [outcome] = tell(alert(sender, **{"received_at": now, **fields}), now=now)
    return outcome


def test_what_still_fires_a_while_after_a_person_ended_its_ticket_reopens_it(
    sender: Integration,
) -> None:
    [opened] = tell(alert(sender))
    end(opened.ticket)

    early = [repeat(sender, minute).result for minute in (6, 19.9)]
    again = repeat(sender, 20)
    after = repeat(sender, 21)

    assert early == ["ignored", "ignored"]
    assert (again.result, again.ticket) == ("reopened", opened.ticket)
    assert again.detail == "Its ticket was ended, and it still fires."
    assert (after.result, Ticket.objects.get().status) == ("appended", "open")
    assert [reason for _, _, reason in history(again.ticket or 0)] == [
        "",
        "Prometheus: it still fires.",
    ]
    # It ended before the repetition came, and says so after it.
    [over] = tell(alert(sender, RESOLVE, at=later(minutes=18)), now=later(minutes=22))
    assert (over.result, Ticket.objects.get().status) == ("resolved", "resolved")


def test_what_was_under_way_when_a_person_ended_the_ticket_reopens_nothing(
    sender: Integration,
) -> None:
    [opened] = tell(alert(sender, at=later(minutes=2)))
    end(opened.ticket)

    # It lay with us for an hour; a message from before the newest one; one of a sender who tells no time.
    lay = repeat(sender, 60, at=later(minutes=2), received_at=later(minutes=4))
    older = repeat(sender, 60)
    silent = repeat(sender, 60, at=later(minutes=2), received_at=None)

    assert [lay.result, older.result, silent.result] == ["ignored"] * 3
    assert Ticket.objects.get().status == "resolved"


def test_a_repetition_reopens_nothing_once_its_sender_said_that_it_is_over(
    sender: Integration,
) -> None:
    [opened] = tell(alert(sender))
    end(opened.ticket)
    [over] = tell(alert(sender, RESOLVE, at=later(minutes=6)))

    assert over.result == "ignored"
    assert repeat(sender, 60).result == "ignored"
    assert Incident.objects.get().dismissed_at is None


def test_a_person_who_cancels_the_ticket_knows_that_it_fires(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    end(opened.ticket, status=Status.CANCELLED)

    assert repeat(sender, 60).result == "ignored"
    [anew] = tell(alert(sender, at=later(minutes=61)))
    assert (anew.result, anew.ticket) == ("reopened", opened.ticket)


def test_what_still_fires_after_the_window_or_in_a_maintenance_reopens_nothing() -> None:
    sender = make_integration(reopen_window=timedelta(minutes=30))
    one, two = tell(alert(sender, key="one"), alert(sender, key="two", labels={"region": "eu-1"}))
    end(one.ticket)
    end(two.ticket)
    make_window(starts_at=later(minutes=10))

    held = repeat(sender, 30, key="two", labels={"region": "eu-1"})
    new = repeat(sender, 40, key="one")

    assert (held.result, held.ticket) == ("ignored", None)
    assert new.result == "created"
    assert new.ticket not in (one.ticket, None)
    assert not Incident.objects.filter(dismissed_at__isnull=False).exists()
    assert repeat(sender, 41, key="one").result == "appended"


def test_a_person_who_reopens_the_ticket_of_what_fires_lets_it_go_on(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    end(opened.ticket)
    end(opened.ticket, minute=6, status=Status.OPEN)

    incident = Incident.objects.get()
    assert (incident.state, incident.dismissed_at, incident.resolved_at) == ("firing", None, None)
    [over] = tell(alert(sender, RESOLVE, at=later(minutes=7)))
    assert (over.result, Ticket.objects.get().status) == ("resolved", "resolved")


def test_a_person_who_reopens_the_ticket_leaves_the_incident_resolved(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    assert opened.ticket
    tell(alert(sender, RESOLVE, at=later(minutes=1)))
    move_tickets(ids=[opened.ticket], status=Status.OPEN, actor="ana", now=later(minutes=5))

    assert Incident.objects.get().state == "resolved"
    [again] = tell(alert(sender, at=later(minutes=6)))
    assert (again.result, again.ticket) == ("reopened", opened.ticket)


def test_a_deleted_ticket_takes_its_incident_along(sender: Integration) -> None:
    [opened] = tell(alert(sender))
    assert opened.ticket
    delete_tickets(ids=[opened.ticket], actor="ana", now=NOON)

    assert not Incident.objects.exists()
    [again] = tell(alert(sender, at=later(minutes=1)))
    assert again.result == "created"


def test_a_maintenance_window_suppresses_opening_only(sender: Integration) -> None:
    tell(alert(sender, key="old", labels={"region": "eu-1"}))
    make_window(title="Switch")
    covered, other, appended, over = tell(
        alert(sender, key="new", labels={"region": "eu-1", "a": "b"}, at=later(minutes=1)),
        alert(sender, key="other", labels={"region": "us-1"}, at=later(minutes=1)),
        alert(sender, key="old", labels={"region": "eu-1"}, at=later(minutes=1)),
        alert(sender, RESOLVE, key="old", labels={"region": "eu-1"}, at=later(minutes=2)),
    )

    assert (covered.result, covered.ticket) == ("ignored", None)
    assert covered.detail == "Maintenance until 2026-03-03 13:00 UTC: Switch"
    assert [o.result for o in (other, appended, over)] == ["created", "appended", "resolved"]
    incident = Incident.objects.get(key="new")
    assert (incident.state, incident.suppressed, incident.ticket) == ("firing", True, None)
    [after] = tell(alert(sender, key="new", labels={"region": "eu-1"}, at=later(hours=1)))
    assert after.result == "created"
    incident.refresh_from_db()
    assert (incident.ticket_id, incident.alerts, incident.held) == (after.ticket, 2, None)


def test_an_acknowledgement_by_the_sender_holds_the_clocks(
    sender: Integration, policy: SlaPolicyVersion
) -> None:
    [opened] = tell(alert(sender, impact=1, urgency=1))
    Ticket.objects.update(priority=3)
    [outcome] = tell(alert(sender, ACKNOWLEDGE, at=later(minutes=1)))

    assert opened.ticket
    assert (outcome.result, outcome.ticket) == ("acknowledged", opened.ticket)
    assert [(kind, changes.keys()) for kind, changes, _ in history(opened.ticket)] == [
        ("acknowledged", {"acknowledged_by"}),
        ("acknowledged", {"acknowledged"}),
    ]
    clocks = SlaClock.objects.filter(ticket=opened.ticket)
    assert {clock.acknowledged_by for clock in clocks} == {"Prometheus"}


def test_what_is_over_or_unknown_cannot_be_acknowledged(sender: Integration) -> None:
    [unknown] = tell(alert(sender, ACKNOWLEDGE))
    tell(alert(sender))
    tell(alert(sender, RESOLVE, at=later(minutes=1)))
    [over] = tell(alert(sender, ACKNOWLEDGE, at=later(minutes=2)))

    assert (unknown.result, unknown.detail) == ("ignored", "Nothing is open to acknowledge.")
    assert (over.result, over.detail) == ("ignored", "It is over.")


def test_what_comes_back_in_a_maintenance_window_reopens_nothing(sender: Integration) -> None:
    [opened] = tell(alert(sender, labels={"region": "eu-1"}))
    tell(alert(sender, RESOLVE, at=later(minutes=1)))
    make_window(starts_at=later(minutes=2), ends_at=later(minutes=30))
    [back] = tell(alert(sender, labels={"region": "eu-1"}, at=later(minutes=3)))

    assert (back.result, back.ticket) == ("ignored", None)
    assert Ticket.objects.get(pk=opened.ticket).status == "resolved"
    assert Incident.objects.active().get().suppressed

    [calm] = tell(alert(sender, RESOLVE, at=later(minutes=4)))
    assert (calm.result, calm.ticket) == ("resolved", None)
    assert not Incident.objects.active().exists()
    assert Ticket.objects.count() == 1


def test_an_alert_that_names_a_server_belongs_to_it(sender: Integration) -> None:
    server = make_server("db-1")
    [known, unknown] = tell(
        alert(sender, key="1", server="db-1"), alert(sender, key="2", server="db-2")
    )
    assert known.incident
    assert unknown.incident
    assert (known.incident.server_id, unknown.incident.server_id) == (server.pk, None)
