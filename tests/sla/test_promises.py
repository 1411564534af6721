"""The policies in force, as every process knows them."""

from datetime import timedelta

import holidays
import pytest
from django.utils import timezone

from sla import promises
from sla.document import Calendar, PolicyDocument
from sla.models import SlaPolicy, SlaPolicyVersion
from sla.reading import clock_readings
from sla.services.config import config_findings
from sla.services.policies import publish
from sla.services.storing import WrongFields
from tests.factories import NOON, make_ticket
from tests.sla.policies import publish_policy
from tickets.lifecycle import Status
from tickets.services import move_tickets

pytestmark = pytest.mark.django_db


def test_a_policy_that_cannot_be_read_stops_neither_intake_nor_the_others() -> None:
    broken = SlaPolicy.objects.create(name="Broken", position=0)
    SlaPolicyVersion.objects.create(policy=broken, number=1, document={}, created_by="test")
    publish_policy()

    ticket = make_ticket(priority=3)

    assert {clock.version.policy.name for clock in ticket.clocks.all()} == {"Test"}
    assert any("A stored policy cannot be read" in said for said in config_findings())


def test_policies_are_asked_by_position_and_the_default_last() -> None:
    publish_policy("Second", position=20)
    publish_policy("First", position=10)

    names = [promise.policy for promise in promises.current().promises]

    assert names == ["First", "Second", "Default"]


def test_a_disabled_policy_holds_for_nothing() -> None:
    publish_policy("Off")
    SlaPolicy.objects.filter(name="Off").update(enabled=False)
    promises.forget()

    assert [promise.policy for promise in promises.current().promises] == ["Default"]


def test_an_edit_elsewhere_is_seen_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(promises.current().promises) == 1
    version = publish_policy("New")
    monkeypatch.setattr(promises, "_fresh_until", 0.0)  # the moment is over

    assert promises.current().promises[0].version == version.pk


def test_public_holidays_that_are_known_no_more_stop_no_ticket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish_policy(calendar={"name": "Bavaria", "country": "DE", "subdivision": "BY"})
    known = {**holidays.list_supported_countries(), "DE": ["BE"]}
    monkeypatch.setattr(holidays, "list_supported_countries", lambda: known)
    monkeypatch.setattr(holidays.countries.Germany, "subdivisions", ("BE",))
    promises._versions.clear()
    promises.forget()

    ticket = make_ticket(priority=3)
    move_tickets(ids=[ticket.pk], status=Status.RESOLVED, actor="ada", now=NOON)

    assert {clock.state for clock in ticket.clocks.all()} == {"met"}
    assert clock_readings(ticket, timezone.now())
    assert any("'BY' is unknown in DE" in said for said in config_findings())


def test_a_policy_with_dropped_names_can_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = publish_policy(calendar={"name": "Bavaria", "country": "DE", "subdivision": "BY"})
    known = {**holidays.list_supported_countries(), "DE": ["BE"]}
    monkeypatch.setattr(holidays, "list_supported_countries", lambda: known)
    mended = stored.read().model_copy(update={"calendar": Calendar()})

    publish(name="Test", document=mended, actor="ada", now=timezone.now())

    assert config_findings() == []


RARELY = {"name": "Rarely", "hours": {"mon": "09:00-09:01"}}


def test_a_target_that_would_take_decades_stops_no_intake() -> None:
    publish_policy(calendar=RARELY, tiers={"standard": {"P3": {"resolution": "30d"}}})

    ticket = make_ticket(priority=3)

    assert {clock.version.policy.name for clock in ticket.clocks.all()} == {"Default"}
    assert any("take more than ten years on the calendar 'Rarely'" in s for s in config_findings())


def test_a_target_that_would_take_decades_is_not_published() -> None:
    document = PolicyDocument.model_validate(
        {"calendar": RARELY, "tiers": {"standard": {"P3": {"resolution": "30d"}}}}
    )

    with pytest.raises(WrongFields) as refused:
        publish(name="New", document=document, actor="ada", now=NOON)

    assert "720h take more than ten years" in refused.value.errors["document.tiers"][0]


def test_a_calendar_that_is_closed_for_the_next_ten_years_is_unreachable() -> None:
    today = timezone.now().date()
    days = [{"date": str(today + timedelta(days=n))} for n in range(3700)]
    calendar = {"name": "Gone", "holidays": days}
    document = PolicyDocument.model_validate(
        {"calendar": calendar, "tiers": {"standard": {"P3": {"resolution": "1h"}}}}
    )

    assert "1h take more than ten years" in promises.unreachable(document)
