"""The demo's company: what it looks like on the first day."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from smartops import demo, demo_fleet
from tickets.models import TicketEvent
from triage.models import TriageDecision, TriageJob


@pytest.mark.django_db
@pytest.mark.parametrize("hour", [3, 11, 20])
def test_a_demo_ticket_tells_one_story_in_order(hour: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(demo, "TICKETS", 60)
    now = timezone.now().replace(hour=hour) - timedelta(days=1)
    demo.people(password="demo-password-1")

    assert demo.tickets(now=now) == 60
    for ticket in {event.ticket_id for event in TicketEvent.objects.all()}:
        times = [e.at for e in TicketEvent.objects.filter(ticket=ticket).order_by("pk")]
        assert times == sorted(times)
        assert times[-1] < now
    assert not TriageDecision.objects.filter(created_at__gt=now - timedelta(minutes=1)).exists()
    assert not TriageJob.objects.filter(finished_at__gt=now - timedelta(minutes=1)).exists()
    assert demo.tickets(now=now) == 0


@pytest.mark.django_db
def test_the_demos_past_is_nothing_for_workers_to_do(
    monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(demo, "TICKETS", 20)
    demo.people(password="demo-password-1")

    with django_capture_on_commit_callbacks() as callbacks:
        demo.tickets(now=timezone.now())

    assert not [call for call in callbacks if call.__module__ == "workers.dispatch"]
    assert not TriageJob.objects.exclude(state="done").exists()


@pytest.mark.django_db
def test_the_demos_people_get_the_password_again_when_it_changed() -> None:
    demo.people(password="demo-password-1")
    ana = User.objects.get(username="ana")
    ana.set_password("changed by ana")
    ana.save()
    demo.people(password="demo-password-2")

    assert all(user.check_password("demo-password-2") for user in User.objects.all())


@pytest.mark.django_db
@pytest.mark.parametrize(("pooler", "waits"), [(True, "on"), (False, "off")])
def test_a_poolers_connection_is_left_as_it_was(
    pooler: bool, waits: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMO, settings.DATABASE_POOLER = True, pooler
    for module, name in ((demo, "people"), (demo, "tickets"), (demo_fleet, "servers")):
        monkeypatch.setattr(module, name, lambda **_: 0)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO on")
        call_command("demo_data")
        cursor.execute("SHOW synchronous_commit")

        assert cursor.fetchone() == (waits,)
