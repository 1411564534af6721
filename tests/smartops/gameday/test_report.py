"""The report: what was lost or happened twice is found, and people can read it."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from servers.lifecycle import State
from servers.models import Cause
from servers.services.fleet import Move, change_states, create_servers
from sla.models import Notification
from smartops.gameday.plan import plan_of
from smartops.gameday.player import Pace, Player, Stuck
from smartops.gameday.receiver import Receiver
from smartops.gameday.report import measure, show
from smartops.gameday.scenario import Scenario, read_scenario
from tests.factories import NOON, make_escalation, make_ticket
from tests.sla.alerts import make_channel
from workers.clock import SharedClock

pytestmark = pytest.mark.django_db

PACE = Pace(timedelta(hours=2), 20.0)


@pytest.fixture
def scenario() -> Scenario:
    return read_scenario("{name: Test day, lasts: 2h}")


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def report(scenario: Scenario, receiver: Receiver) -> dict[str, Any]:
    return measure(scenario, plan_of(scenario), receiver, PACE, asked=600)


def message(receiver: Receiver, times: int) -> None:
    """A message that was sent, and arrived so often."""
    count = Notification.objects.count()
    made = Notification.objects.create(
        channel=make_channel(f"channel {count}"), kind="sla.breached", payload={}, key=str(count),
        state="sent", ended_at=NOON,
    )  # fmt: skip
    if times:
        receiver.received += Counter({made.message_id: times})


def test_a_day_on_which_nothing_went_wrong_says_so(scenario: Scenario, receiver: Receiver) -> None:
    message(receiver, 1)
    found = report(scenario, receiver)

    assert found["wrong"] == []
    assert show(found).endswith("Nothing was lost, and nothing happened twice.\n")
    assert "2h in 20s: 360 times real time (600 asked for)" in show(found)


def test_lost_repeated_forged_and_unasked_messages_are_wrong(
    scenario: Scenario, receiver: Receiver
) -> None:
    for times in (0, 1, 1, 3):
        message(receiver, times)
    receiver.received["msg_of_nobody"] = 1
    receiver.forged = 2

    assert report(scenario, receiver)["wrong"] == [
        "messages that were lost: 1",
        "messages that came twice: 1",
        "messages that nobody had asked for: 1",
        "messages with a wrong signature: 2",
    ]


def test_a_ticket_without_triage_is_wrong(scenario: Scenario, receiver: Receiver) -> None:
    make_ticket()

    assert "tickets that were not triaged: 1" in report(scenario, receiver)["wrong"]


def test_a_failed_server_without_an_incident_is_wrong(
    scenario: Scenario, receiver: Receiver
) -> None:
    [server] = create_servers(values=[{"name": "web-1", "role": "web"}])
    for state in (State.BOOTING, State.FAILED):
        change_states(moves=[Move(server.pk, state, Cause.PERSON, "test", NOON)])

    found = report(scenario, receiver)

    assert found["wrong"] == ["servers that failed and have no incident: 1"]
    assert found["failures"]["by_chance"] == 1
    assert "WRONG: servers that failed and have no incident: 1" in show(found)


def test_escalations_and_deadlines_are_counted(scenario: Scenario, receiver: Receiver) -> None:
    ticket = make_ticket(priority=2, at=NOON)
    make_escalation(ticket, level=1, threshold="85 %", metric="next_update")
    make_escalation(ticket, level=2, threshold="breach", metric="next_update", skipped=True)
    found = report(scenario, receiver)

    assert found["escalations"] == [
        {"level": 1, "threshold": "85 %", "acted_on": 1, "skipped": 0},
        {"level": 2, "threshold": "breach", "acted_on": 0, "skipped": 1},
    ]
    assert found["lateness"] == {"median": 60.0, "p95": 60.0, "most": 60.0}
    assert found["deadlines"]["P2"]["met"] == 0
    assert found["deadlines"]["P2"]["running"] == 3


def test_workers_that_do_not_get_on_end_the_day_with_what_waits(
    scenario: Scenario, tmp_path: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_PREFIX = "report:"  # what other tests left in the queues is not waited for
    monkeypatch.setattr("smartops.gameday.player.STUCK_SECONDS", 0.1)
    make_ticket(at=scenario.start)
    clock = SharedClock.create(tmp_path / "clock", scenario.start)
    player = Player(scenario, plan_of(scenario), {}, clock)

    with pytest.raises(Stuck, match="did not get on with: tickets to triage"):
        player._wait_until_quiet(scenario.start)
