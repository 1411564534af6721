"""A region goes dark: four hundred alerts, one incident to work on, one message, and a way back from all of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from servers.alerts import Action
from servers.models import Incident
from servers.services import watch_storms
from sla import subscriptions
from sla.models import ChannelRoute, Escalation, Notification
from sla.services import check_clocks
from tests.factories import NOON
from tests.servers.alerts import alert, make_integration, tell
from tests.sla.alerts import make_channel
from tests.sla.policies import publish_policy
from tickets.models import Ticket

pytestmark = pytest.mark.django_db
TICKETS = "/api/v1/tickets/"
SECOND = timedelta(seconds=1)


def outage(count: int, *, start: int, at: datetime, action: Action = Action.TRIGGER) -> list[Any]:
    """Alerts of hosts of one region, as their monitoring sends them."""
    sender = (
        make_integration()
        if not Incident.objects.exists()
        else Incident.objects.all()[0].integration
    )
    return tell(
        *(
            alert(
                sender,
                action,
                key=f"down/{n}",
                at=at,
                title=f"Host web-{n} is down",
                labels={"region": "eu-1", "alertname": "HostDown", "instance": f"web-{n}"},
                impact=2,
                urgency=1,
            )
            for n in range(start, start + count)
        )
    )


def test_four_hundred_alerts_are_one_incident_one_message_and_can_be_undone(
    api: APIClient, settings: Any
) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    ChannelRoute.objects.create(channel=make_channel("on call", kind="slack"))
    subscriptions.forget()
    publish_policy()
    for tick in range(8):  # fifty every five seconds
        outage(50, start=50 * tick, at=NOON + 5 * tick * SECOND)
        watch_storms(now=NOON + (5 * tick + 1) * SECOND)

    [storm] = api.get("/api/v1/storms/").json()["results"]
    parent = storm["ticket"]
    assert storm["labels"] == {"region": "eu-1", "alertname": "HostDown"}
    assert (storm["state"], storm["incidents"]) == ("active", 400)
    assert list(Notification.objects.values_list("kind", flat=True)) == ["storm.started"]
    check_clocks()  # months later: everything is overdue, and one ticket tells of it
    assert set(Escalation.objects.values_list("ticket", flat=True)) == {parent}
    assert set(Notification.objects.values_list("ticket", flat=True)) == {parent}

    child, other = Ticket.objects.filter(parent=parent).order_by("pk")[:2]
    alone = api.post(f"{TICKETS}{child.pk}/detach/", {"reason": "It burns."}, format="json")
    assert alone.json()["parent"] is None
    assert api.get(f"{TICKETS}{child.pk}/sla/").json()["follows"] is None
    assert api.get(f"{TICKETS}{other.pk}/sla/").json()["follows"] == parent

    # One host comes back by itself; then the region.
    outage(1, start=1, at=NOON + 60 * SECOND, action=Action.RESOLVE)
    preview = api.get(f"{TICKETS}{parent}/children/?page_size=500").json()["results"]
    assert len(preview) == 399
    assert [row["on_resolve"] for row in preview].count("stays") == 1
    done = api.put(f"{TICKETS}{parent}/status/", {"status": "resolved"}, format="json")
    assert done.status_code == 200
    assert Ticket.objects.filter(status="resolved").count() == 400
    assert Ticket.objects.get(pk=child.pk).status == "open"
    assert Incident.objects.exclude(state="resolved").get().ticket_id == child.pk
    watch_storms(now=NOON + 90 * SECOND)
    assert api.get("/api/v1/storms/?state=ended").json()["results"][0]["id"] == storm["id"]
    moved = api.get(f"{TICKETS}{other.pk}/events/").json()["results"]
    assert {line["kind"] for line in moved} >= {"opened", "attached", "moved"}
