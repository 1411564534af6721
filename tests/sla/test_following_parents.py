"""While a ticket is attached its clocks count, and nobody is warned; detached, it is as if it had never been."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from sla import promises, subscriptions, tasks
from sla.models import ClockEvent, Escalation, Notification, SlaClock
from sla.promises import current
from sla.services import acknowledge, auditing, check_clocks
from sla.services.delivery import deliver
from sla.services.retargeting import move_open_clocks
from tests.factories import make_ticket, make_user
from tests.sla.alerts import make_channel, tell
from tests.sla.policies import publish_policy
from tickets import services
from tickets.lifecycle import Status
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
OWNER = UUID("6a1f4f52-0b5f-4c5b-9a3f-0d7d8d8f0001")


@pytest.fixture(autouse=True)
def _levels(db: None) -> None:
    targets = {"first_response": 60, "next_update": 60, "resolution": 60}
    levels = [{"at": 50}, {"at": 85}, {"at": 100}, {"after": "30m"}]
    publish_policy(tiers={"standard": {f"P{n}": targets for n in (1, 2, 3, 4)}}, levels=levels)


def opened(minutes_ago: int = 0, **fields: Any) -> Ticket:
    now = timezone.now()
    return make_ticket(
        **{"priority": 3, "at": now, "opened_at": now - minutes_ago * MINUTE, **fields}
    )


def attach(*children: Ticket, to: Ticket) -> None:
    ids = [child.pk for child in children]
    services.attach_tickets(ids=ids, to=to.pk, actor="ana", now=timezone.now())


def detach(ticket: Ticket) -> None:
    services.detach_tickets(ids=[ticket.pk], actor="ana", now=timezone.now())


def family(minutes_ago: int = 0, **fields: Any) -> tuple[Ticket, Ticket]:
    parent, child = opened(), opened(minutes_ago, **fields)
    attach(child, to=parent)
    return parent, child


def move(ticket: Ticket, *statuses: Status) -> None:
    for status in statuses:
        services.move_tickets(ids=[ticket.pk], status=status, actor="ana", now=timezone.now())


def change(ticket: Ticket, **values: Any) -> None:
    services.change_tickets(ids=[ticket.pk], values=values, actor="ana", now=timezone.now())


def clocks(ticket: Ticket, metric: str = "resolution") -> SlaClock:
    return SlaClock.objects.filter(ticket=ticket, metric=metric).latest("pk")


def unwatched(ticket: Ticket) -> bool:
    return not SlaClock.objects.filter(ticket=ticket, next_check_at__isnull=False).exists()


def reached(ticket: Ticket) -> list[tuple[str, int, bool]]:
    rows = Escalation.objects.filter(ticket=ticket).order_by("clock__metric", "level")
    return list(rows.values_list("clock__metric", "level", "skipped"))


def test_an_attached_clock_keeps_its_deadline_and_is_not_looked_at() -> None:
    child = opened(10)
    due = clocks(child).due_at
    attach(child, to=opened())

    clock = clocks(child)
    assert (clock.state, clock.due_at, clock.next_check_at) == ("running", due, None)
    assert Ticket.objects.get(pk=child.pk).due_at == due


def test_nobody_is_told_of_an_attached_ticket_that_is_late() -> None:
    _, child = family(70)

    assert check_clocks() == 0
    assert reached(child) == []
    assert Ticket.objects.get(pk=child.pk).sla_state(timezone.now()) == "breached"


def test_the_auditor_does_not_miss_attached_clocks() -> None:
    family(600)

    assert auditing.look().clean


def test_a_detached_ticket_reaches_the_level_where_it_would_stand() -> None:
    _, child = family(55)
    detach(child)

    assert check_clocks() == 2
    assert reached(child) == [
        ("first_response", 1, True),
        ("first_response", 2, False),
        ("resolution", 1, True),
        ("resolution", 2, False),
    ]


def test_a_level_that_was_reached_before_is_not_told_again() -> None:
    child = opened(35)
    check_clocks()
    attach(child, to=opened())
    detach(child)

    assert check_clocks() == 0


@pytest.mark.parametrize(
    "news",
    [
        lambda ticket: change(ticket, priority=1),
        lambda ticket: move(ticket, Status.ON_HOLD, Status.OPEN),
        lambda ticket: move(ticket, Status.RESOLVED, Status.OPEN),
        lambda ticket: services.comment_on(
            ticket=ticket, body="Hi.", public=True, actor="ana", now=timezone.now()
        ),
        lambda ticket: acknowledge(ids=[ticket.pk], actor="ana"),
    ],
    ids=["priority", "on hold and back", "reopened", "answered", "acknowledged"],
)
def test_whatever_happens_to_an_attached_ticket_its_clocks_stay_unwatched(
    news: Callable[[Ticket], Any],
) -> None:
    _, child = family(10)
    news(child)

    assert clocks(child).state == "running"
    assert unwatched(child)
    detach(child)
    assert clocks(child).next_check_at is not None


def test_a_new_policy_moves_attached_clocks_and_leaves_them_unwatched() -> None:
    _, child = family(10)
    publish_policy(tiers={"standard": {"P3": {"resolution": 120}}})
    promises.forget()

    assert move_open_clocks(policies=current(), actor="ada", now=timezone.now()) == 2
    assert clocks(child).target == timedelta(hours=2)
    assert unwatched(child)


def test_triage_of_an_attached_ticket_leaves_its_clocks_unwatched(
    triage_all: Callable[[], int],
) -> None:
    parent, child = opened(), make_ticket(title="VPN down for the whole office", at=timezone.now())
    attach(child, to=parent)
    triage_all()

    assert Ticket.objects.get(pk=child.pk).priority is not None
    assert unwatched(child)


def test_resolving_the_parent_in_time_keeps_the_promises_to_all() -> None:
    parent, child = family(10)
    move(parent, Status.RESOLVED)

    assert clocks(child).state == "met"
    stop = ClockEvent.objects.get(clock=clocks(child), kind="stop")
    assert stop.details == {"why": "resolved"}


def test_resolving_the_parent_late_breaks_the_promise_to_the_child_that_waited_longer() -> None:
    parent, child = family(70)
    move(parent, Status.RESOLVED)

    assert (clocks(parent).state, clocks(child).state) == ("met", "breached")


def test_an_answer_on_the_parent_stops_the_first_response_of_all() -> None:
    parent, child = family(10)
    services.comment_on(ticket=parent, body="Hi.", public=True, actor="ana", now=timezone.now())

    assert clocks(child, "first_response").state == "met"
    assert clocks(child, "next_update").state == "running"
    stop = ClockEvent.objects.get(clock=clocks(child, "first_response"), kind="stop")
    assert stop.details == {"why": f"public comment on ticket {parent.pk}"}
    assert unwatched(child)


def test_taking_up_the_parent_stops_the_first_response_of_all() -> None:
    parent, child = family(10)
    move(parent, Status.IN_PROGRESS)

    assert clocks(child, "first_response").state == "met"
    assert not SlaClock.objects.filter(ticket=child, metric="next_update").exists()


def test_acknowledging_the_parent_acknowledges_all_and_counts_after_detaching() -> None:
    parent, child = family(55)
    acknowledge(ids=[parent.pk], actor="ana")
    detach(child)

    assert clocks(child).acknowledged_by == "ana"
    assert check_clocks() == 0
    assert child.events.filter(kind="acknowledged").exists()


def test_the_explanation_names_the_ticket_that_is_followed(api: APIClient) -> None:
    parent, child = family(10)
    answer = api.get(f"/api/v1/tickets/{child.pk}/sla/").json()

    assert answer["follows"] == parent.pk
    assert {clock["next_escalation"] for clock in answer["clocks"]} == {None}
    detach(child)
    answer = api.get(f"/api/v1/tickets/{child.pk}/sla/").json()
    assert answer["follows"] is None
    assert answer["clocks"][0]["next_escalation"]["level"] == 1


def test_the_check_lets_parents_rise(triage_all: Callable[[], int]) -> None:
    parent = make_ticket(title="Something", priority=4, at=timezone.now())
    attach(opened(priority=1), to=parent)
    triage_all()
    tasks.check_clocks.run()

    parent.refresh_from_db()
    assert parent.priority == 1


def test_what_waits_for_people_is_obsolete_once_its_ticket_is_attached(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    parent, child = opened(), opened()
    channel = make_channel(kind="email")
    [alert] = tell(channel, ticket=child)
    attach(child, to=parent)
    deliver(ids=[channel.pk])

    alert.refresh_from_db()
    assert (alert.state, alert.outcome) == ("dead", "obsolete")
    assert alert.error == f"No longer needed: told with ticket {parent.pk}."


def test_of_an_attached_ticket_only_the_callbacks_of_its_owner_hear(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    everything = ["ticket.updated", "ticket.resolved"]
    make_channel("all", events=everything)
    make_channel("its owner's", events=everything, owner_id=OWNER)
    subscriptions.forget()
    parent, child = family(10, owner_id=OWNER)
    change(child, title="News")
    heard = list(Notification.objects.filter(ticket=child).values_list("channel__name", flat=True))
    assert heard == ["its owner's"] * 2  # that it was attached, and its title

    detach(child)
    change(child, title="More news")
    told = Notification.objects.filter(ticket=child, channel__name="all").order_by("pk")
    assert [row.payload["data"]["changes"] for row in told] == [
        {"parent": [parent.pk, None]},
        {"title": ["News", "More news"]},
    ]


def test_callbacks_for_all_hear_of_no_new_ticket_that_was_attached_before_they_could(
    settings: Any,
) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    make_channel("all", events=["ticket.created"])
    make_channel("its owner's", events=["ticket.created"], owner_id=OWNER)
    subscriptions.forget()
    parent, child = family(10, owner_id=OWNER)

    told = Notification.objects.values_list("ticket", "channel__name", "state")
    assert set(told) == {
        (parent.pk, "all", "queued"),
        (child.pk, "all", "dead"),
        (child.pk, "its owner's", "queued"),
    }
    [dropped] = Notification.objects.filter(state="dead")
    assert (dropped.outcome, dropped.ended_at is not None) == ("obsolete", True)


def test_the_page_of_an_attached_ticket_says_whom_its_clocks_follow(client: Any) -> None:
    client.force_login(make_user("root", "Admin"))
    parent, child = family(10)
    page = client.get(f"/admin/tickets/ticket/{child.pk}/change/").content.decode()

    assert "The clocks follow" in page
    assert f"#{parent.pk}" in page
