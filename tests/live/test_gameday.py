"""A game day with real workers: the desk's own policies and routes, and nothing of it reaches the desk."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smartops.gameday.plan import digest, plan_of
from smartops.gameday.scenario import read_scenario
from tests.live.desk import BASE, Desk

SCENARIO = """
name: Twenty minutes
seed: 5
lasts: 20m
fleet:
  regions: [eu-1]
  racks: 2
  servers: {web: 4, database: 1}
  needs: {web: [database]}
  intensity: 0
outages:
  - {at: 2m, rack: eu-1-rack-2, for: 6m}
alerts:
  - {at: 1m, over: 2m, problems: 6, repeats: 3, resolve_after: 10m, title: "{service} is slow"}
  - {at: 3m, over: 1m, problems: 2, title: "{service} is full", source: generic, integration: Watchtower}
requests:
  - {per_hour: 30, texts: [{title: I cannot print}, {title: VPN down for the whole office}]}
teams:
  - {agents: 1, notice: 1m, work: {P1: 2m, P2: 2m, P3: 2m, P4: 2m}}
"""
#: What the desk has of its own: a promise that is hard to keep, a channel that must not be called, an integration.
OWN = """
from datetime import datetime, UTC
from servers.services.integrations import create_integration
from sla.document import PolicyDocument
from sla.models import ChannelRoute
from sla.services.channels import create_channel
from sla.services.policies import publish
from workers import outgoing
create_integration(values={"name": "Watchtower", "source": "generic"})
channel, _ = create_channel(values={"name": "Night shift", "kind": "slack", "address": "https://192.0.2.1/secret"})
ChannelRoute.objects.create(channel=channel)
targets = {f"P{n}": {"first_response": "4m", "resolution": "9m"} for n in range(1, 5)}
document = PolicyDocument.model_validate({"tiers": {"standard": targets}})
publish(name="Hard to keep", document=document, actor="live", now=datetime.now(UTC))
"""
NOT_OWN = """
from servers.models import Integration
from sla.models import Channel
Integration.objects.filter(name="Watchtower").delete()
Channel.objects.filter(name="Night shift").delete()
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "twenty-minutes.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def own(desk: Desk) -> Iterator[None]:
    done = desk.run_python(OWN)
    assert done.returncode == 0, done.stderr
    yield
    desk.run_python(NOT_OWN)


def left(desk: Desk) -> tuple[Any, ...]:
    """What of a game day could be seen from the desk."""
    return (
        desk.sql("SELECT datname FROM pg_database ORDER BY 1"),
        sorted(desk.run_redis("KEYS", "*")),
        desk.sql("SELECT count(*) FROM tickets_ticket"),
        desk.sql("SELECT count(*) FROM servers_server"),
        desk.sql("SELECT id, encrypted_address, kind FROM sla_channel ORDER BY 1"),
    )


def play(desk: Desk, scenario: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "gameday", "--scenario", str(scenario)]
    return subprocess.Popen(
        [*command, "--speed", "1000", "--json"],
        cwd=BASE,
        env=desk.environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.usefixtures("own")
def test_twenty_minutes_are_played_through_the_whole_desk_and_leave_no_trace(
    desk: Desk, scenario: Path
) -> None:
    before = left(desk)

    process = play(desk, scenario)
    said, told = process.communicate(timeout=240)

    assert process.returncode == 0, told + said
    found = json.loads(said)
    assert left(desk) == before
    assert found["wrong"] == []
    plan = plan_of(read_scenario(SCENARIO))
    failed = [f"{c.at.isoformat()} {c.server}" for c in plan.changes if c.server in plan.broken]
    assert found["failures"] == {
        "injected": 2,
        "by_chance": 0,
        "problems_reported": 8,
        "alerts_sent": 26,
        "digest": digest(failed[: len(plan.broken)]),
    }
    assert found["incidents"]["servers"] == 2
    assert found["incidents"]["alerts"] == 8
    assert found["tickets"]["by_people"] == len(plan.requests)
    assert found["tickets"]["opened"] == found["tickets"]["triaged"] == 10 + len(plan.requests)
    assert found["detected_after"]["servers"]["most"] <= 15
    assert found["lateness"]["most"] <= 15
    # The desk's own policy was broken, and its own route told: by the receiver, not by Slack.
    assert {row["threshold"] for row in found["escalations"]} >= {"85 %", "breach"}
    messages = found["messages"]
    assert messages["by_channel"] == {"Night shift": messages["due"]}
    assert messages["due"] == messages["received"] > 5
    assert found["ended"]["by_itself"] > 0
    assert found["ended"]["by_people"] > 0


def tickets_in_scratch(desk: Desk) -> int:
    """How many the game day has opened; -1 while it has no database."""
    for (name,) in desk.sql("SELECT datname FROM pg_database WHERE datname ~ '_gameday_'"):
        with suppress(psycopg.Error), psycopg.connect(desk.postgres.url, dbname=name) as link:
            [count] = link.execute("SELECT count(*) FROM tickets_ticket").fetchone() or (0,)
            return int(count)
        return 0
    return -1


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("tickets", [0, 5], ids=["while it is prepared", "while it is played"])
def test_interrupted_it_leaves_nothing_either(desk: Desk, scenario: Path, tickets: int) -> None:
    before = left(desk)
    process = play(desk, scenario)
    desk.wait_for(lambda: tickets_in_scratch(desk) >= tickets, 60, "the game day", step=0.02)

    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "Stopped. Nothing is left of it." in told
    assert left(desk) == before
