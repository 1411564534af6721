"""The policies in force, as every process knows them."""

import pytest

from sla import promises
from sla.models import SlaPolicy, SlaPolicyVersion
from sla.services.config import config_findings
from tests.factories import make_ticket
from tests.sla.policies import publish_policy

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
