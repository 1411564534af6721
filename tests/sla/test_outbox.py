from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from sla import subscriptions
from sla.models import Channel, ChannelRoute, Notification
from sla.services.outbox import announce_changes, announce_opened, queue_alerts
from sla.services.recipients import Recipients
from tests.factories import NOON, make_ticket, make_user
from tests.sla.alerts import make_alert, make_channel
from tickets.models import Department, EventKind, SupportGroup, Ticket
from tickets.services import change_tickets
from tickets.services.recording import NewEvent

pytestmark = pytest.mark.django_db
OWNER = UUID("6a1f4f52-0b5f-4c5b-9a3f-0d7d8d8f0001")


@pytest.fixture(autouse=True)
def no_look_ups(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    subscriptions.forget()


def person(name: str, **values: Any) -> User:
    user = make_user(name, "Agent")
    User.objects.filter(pk=user.pk).update(email=f"{name}@desk.example", **values)
    return User.objects.get(pk=user.pk)


def told(**level: Any) -> list[str]:
    [sentences] = queue_alerts(alerts=[make_alert(**level)])
    return sentences


def names() -> list[tuple[str, str]]:
    return list(Notification.objects.order_by("pk").values_list("channel__name", "recipient"))


def event(ticket: Ticket, kind: EventKind = EventKind.UPDATED, **changes: Any) -> NewEvent:
    return NewEvent(ticket, kind, changes, "ana", "", "", NOON)


@pytest.mark.parametrize(
    ("route", "ticket", "reached", "hit"),
    [
        ({}, {}, 1, True),
        ({"min_level": 2}, {}, 1, False),
        ({"min_level": 2}, {}, 2, True),
        ({"max_priority": 2}, {"priority": 2}, 1, True),
        ({"max_priority": 2}, {"priority": 3}, 1, False),
        ({"max_priority": 3}, {}, 1, True),  # not ranked yet counts as P3
        ({"department": "Finance"}, {"department": "Finance"}, 1, True),
        ({"department": "Finance"}, {"department": "Facilities"}, 1, False),
        ({"department": "Finance"}, {}, 1, False),
        ({"group": "Network"}, {"group": "Network"}, 1, True),
        ({"group": "Network"}, {"group": "Messaging"}, 1, False),
    ],
)
def test_a_route_tells_its_channel_when_all_its_conditions_hold(
    route: Any, ticket: Any, reached: int, hit: bool
) -> None:
    for field, model in (("department", Department), ("group", SupportGroup)):
        if field in route:
            route[field] = model.objects.get(name=route[field])
    ChannelRoute.objects.create(channel=make_channel(), **route)

    [sentences] = queue_alerts(alerts=[make_alert(make_ticket(**ticket), reached=reached)])

    assert names() == ([("ops", "")] if hit else [])
    assert sentences == (["Channel ops will be told."] if hit else ["No route leads to a channel."])


def test_two_routes_to_one_channel_and_its_name_tell_it_once() -> None:
    channel = make_channel()
    ChannelRoute.objects.create(channel=channel)
    ChannelRoute.objects.create(channel=channel, min_level=1)

    assert told(channels=["OPS"]) == ["Channel ops will be told."]
    assert names() == [("ops", "")]


def test_a_route_to_a_channel_that_was_made_meanwhile_is_left_out() -> None:
    alert = make_alert()
    read_before = Recipients.load([(alert.ticket, alert.level)])
    route = ChannelRoute.objects.create(channel=make_channel())

    found = replace(read_before, routes=[route]).of(
        alert.ticket, alert.level, reached=1, breach=True
    )

    assert found.receivers == []


def test_the_same_alerts_again_write_nothing_new() -> None:
    ChannelRoute.objects.create(channel=make_channel())
    alert = make_alert()

    queue_alerts(alerts=[alert])
    queue_alerts(alerts=[alert, alert])

    assert Notification.objects.count() == 1


def test_why_a_channel_is_not_told_is_said() -> None:
    channel = make_channel()
    ChannelRoute.objects.create(channel=channel)
    Channel.objects.filter(pk=channel.pk).update(enabled=False, disabled_reason="It answered 404.")

    assert told(channels=["nobody"]) == [
        "Channel ops is switched off (It answered 404.): not told.",
        "There is no channel named nobody.",
    ]
    assert names() == []


def test_assignee_group_and_lead_get_mail_and_the_same_person_one() -> None:
    make_channel("mail", "email", for_people=True)
    ana, bob = person("ana"), person("bob")
    group = SupportGroup.objects.get(name="Network")
    group.members.set([ana, bob])
    Department.objects.filter(pk=group.department_id).update(lead=bob)
    ticket = make_ticket(group="Network", assignee="ana")

    [sentences] = queue_alerts(
        alerts=[make_alert(ticket, routed=False, assignee=True, group=True, lead=True)]
    )

    assert names() == [("mail", "ana@desk.example"), ("mail", "bob@desk.example")]
    assert sentences == ["ana will be told by mail.", "bob will be told by mail."]


def test_why_a_person_is_not_told_is_said() -> None:
    gone, silent = person("gone", is_active=False), person("silent")
    User.objects.filter(pk=silent.pk).update(email="")
    group = SupportGroup.objects.get(name="Network")
    group.members.set([gone, silent, person("zoe")])
    ticket = make_ticket(group="Network")

    [sentences] = queue_alerts(
        alerts=[make_alert(ticket, routed=False, assignee=True, group=True, lead=True)]
    )

    assert sentences == [
        "Nobody is assigned.",
        "No lead is set for IT Support.",
        "gone is not active: not told.",
        "silent has no mail address: not told.",
        "No enabled mail channel for people: zoe is not told.",
    ]


def test_who_is_no_member_of_a_restricted_department_is_not_told_about_its_tickets() -> None:
    make_channel("mail", "email", for_people=True)
    insider, outsider, root = person("ina"), person("otto"), person("root", is_superuser=True)
    hr = Department.objects.get(name="HR")
    hr.members.add(insider)
    group = SupportGroup.objects.create(name="Payroll", department=hr)
    group.members.set([insider, outsider, root])
    ticket = make_ticket(department="HR", group="Payroll")

    [sentences] = queue_alerts(alerts=[make_alert(ticket, routed=False, group=True)])

    assert names() == [("mail", "ina@desk.example"), ("mail", "root@desk.example")]
    assert "otto is not a member of HR, which is restricted: not told." in sentences


@pytest.mark.parametrize(("named", "title"), [(True, "Salary of Zoe"), (False, None)])
def test_a_channel_learns_a_restricted_title_only_by_a_route_of_that_department(
    named: bool, title: str | None
) -> None:
    hr = Department.objects.get(name="HR")
    channel = make_channel()
    ChannelRoute.objects.create(channel=channel)
    if named:
        ChannelRoute.objects.create(channel=channel, department=hr)

    queue_alerts(alerts=[make_alert(make_ticket(title="Salary of Zoe", department="HR"))])

    sent = Notification.objects.get().payload["data"]["ticket"]["title"]
    assert sent == (title or "(a ticket of a restricted department)")


def test_the_number_of_statements_does_not_grow_with_the_alerts() -> None:
    make_channel("mail", "email", for_people=True)
    ChannelRoute.objects.create(channel=make_channel())
    SupportGroup.objects.get(name="Network").members.set([person("ana"), person("bob")])

    def statements(count: int) -> int:
        made = [
            make_alert(
                make_ticket(group="Network", category="network"),
                assignee=True,
                group=True,
                lead=True,
            )
            for _ in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            queue_alerts(alerts=made)
        return len(captured)

    statements(1)
    assert statements(2) == statements(30)


def test_an_alert_is_gone_when_its_transaction_is() -> None:
    ChannelRoute.objects.create(channel=make_channel())
    alert = make_alert()

    class Fails(Exception):
        pass

    def escalate() -> None:
        with transaction.atomic():
            queue_alerts(alerts=[alert])
            raise Fails

    with pytest.raises(Fails):
        escalate()

    assert Notification.objects.count() == 0


def test_an_owner_hears_of_its_tickets_only_and_of_what_it_asked_for() -> None:
    make_channel("mine", events=["ticket.created", "sla.breached"], owner_id=OWNER)
    make_channel("other", events=["ticket.created"], owner_id=UUID(int=5))
    make_channel("all", events=["ticket.resolved"])
    mine, foreign = make_ticket(owner_id=OWNER, external_id="X-1"), make_ticket()

    queue_alerts(alerts=[make_alert(mine, routed=False), make_alert(foreign, routed=False)])

    assert list(
        Notification.objects.order_by("pk").values_list("channel__name", "kind", "ticket")
    ) == [("mine", "ticket.created", mine.pk), ("mine", "sla.breached", mine.pk)]
    data = Notification.objects.earliest("pk").payload["data"]["ticket"]
    assert (data["external_id"], data["owner_id"]) == ("X-1", str(OWNER))


def test_a_callback_without_an_owner_hears_of_no_restricted_departments_ticket() -> None:
    make_channel("all", events=["ticket.created", "sla.breached"])
    secret, plain = make_ticket(department="HR"), make_ticket()

    queue_alerts(alerts=[make_alert(secret, routed=False)])

    assert Notification.objects.get().ticket == plain


@pytest.mark.parametrize(
    ("kind", "changes", "wanted"),
    [
        (EventKind.TRIAGED, {"priority": [None, 1]}, "ticket.triaged"),
        (EventKind.TRIAGED, {"confidence": [None, 0.5]}, "ticket.triaged"),
        (EventKind.MOVED, {"status": ["open", "resolved"]}, "ticket.resolved"),
        (EventKind.MOVED, {"status": ["resolved", "closed"]}, "ticket.updated"),
        (EventKind.UPDATED, {"title": ["a", "b"]}, "ticket.updated"),
        (EventKind.ROUTED, {"department": ["HR", "Finance"]}, "ticket.updated"),
        (EventKind.COMMENTED, {"comment": [None, 3], "public": [None, True]}, "ticket.updated"),
        (EventKind.COMMENTED, {"comment": [None, 3], "public": [None, False]}, None),
        (EventKind.MERGED, {"merged_into": [None, 7]}, "ticket.updated"),
        (EventKind.UPDATED, {"description": ["a", "b"]}, None),
    ],
)
def test_what_each_change_is_announced_as(kind: EventKind, changes: Any, wanted: Any) -> None:
    make_channel(events=["ticket.triaged", "ticket.updated", "ticket.resolved"])

    announce_changes(events=[event(make_ticket(), kind, **changes)])

    assert list(Notification.objects.values_list("kind", flat=True)) == ([wanted] if wanted else [])


def test_a_change_is_told_as_it_will_be_though_it_is_announced_before_it_is_written() -> None:
    make_channel(events=["ticket.updated"])
    ticket = make_ticket(department="Finance")
    partly = Ticket.objects.only("id", "status").get(pk=ticket.pk)
    partly.status = "on_hold"
    ticket.department = Department.objects.get(name="Facilities")

    announce_changes(
        events=[
            event(partly, EventKind.MOVED, status=["open", "on_hold"]),
            event(ticket, EventKind.ROUTED, department=["Finance", "Facilities"]),
        ]
    )

    first, second = (n.payload["data"]["ticket"] for n in Notification.objects.order_by("pk"))
    assert second["department"] == "Facilities"
    assert first["title"] == ticket.title


def test_a_real_change_is_told_with_old_and_new_values() -> None:
    make_channel(events=["ticket.updated"])
    ticket = make_ticket(title="Old")
    change_tickets(ids=[ticket.pk], values={"priority": 1, "title": "New"}, actor="ana", now=NOON)

    data = Notification.objects.get().payload["data"]
    assert data["changes"] == {"priority": [None, 1], "title": ["Old", "New"]}
    assert (data["ticket"]["priority"], data["ticket"]["title"]) == ("P1", "New")
    assert data["actor"] == "ana"


def test_a_change_that_brings_another_one_about_is_told_beside_that_one() -> None:
    make_channel(events=["ticket.updated"])
    ticket = make_ticket(impact=2, urgency=2)

    change_tickets(ids=[ticket.pk], values={"impact": 1}, actor="ana", now=NOON)

    told_of = [n.payload["data"] for n in Notification.objects.order_by("pk")]
    assert sorted((data["actor"], *data["changes"]) for data in told_of) == [
        ("ana", "impact"),
        ("triage", "priority"),
    ]


def test_what_triage_decides_is_told_whole(triage_all: Any) -> None:
    make_channel(events=["ticket.triaged"], owner_id=OWNER)
    ticket = make_ticket(title="VPN down for the whole office", owner_id=OWNER, external_id="X-1")

    triage_all()

    told_of = Notification.objects.get(ticket=ticket).payload["data"]
    ticket.refresh_from_db()
    assert told_of["ticket"]["category"] == ticket.category.slug == "network"
    assert told_of["ticket"]["department"] == "IT Support"
    assert told_of["ticket"]["priority"] == f"P{ticket.priority}"
    assert told_of["ticket"]["external_id"] == "X-1"
    assert told_of["changes"]["category"] == [None, "network"]


def test_without_a_callback_nothing_is_asked_of_the_database() -> None:
    ticket = make_ticket()
    announce_opened(tickets=[ticket])  # looks whether there are any

    with CaptureQueriesContext(connection) as captured:
        for _ in range(50):
            announce_opened(tickets=[ticket])
            announce_changes(events=[event(ticket, title=["a", "b"])])

    assert len(captured) == 0


def test_many_tickets_cost_callbacks_a_fixed_number_of_statements() -> None:
    made = [make_ticket(title=f"T{number}") for number in range(40)]
    make_channel(events=["ticket.created"])
    subscriptions.current()

    with CaptureQueriesContext(connection) as captured:
        announce_opened(tickets=made)

    assert len(captured) <= 3
    assert Notification.objects.count() == 40


def test_a_channel_deleted_a_moment_ago_does_not_break_the_intake() -> None:
    channel = make_channel(events=["ticket.created"])
    subscriptions.current()
    Channel.objects.filter(pk=channel.pk).delete()

    announce_opened(tickets=[make_ticket()])

    assert Notification.objects.count() == 0


def test_a_message_is_given_up_a_day_after_it_was_made() -> None:
    ChannelRoute.objects.create(channel=make_channel())
    told()

    row = Notification.objects.get()
    assert row.give_up_at - row.created_at == timedelta(hours=24)
