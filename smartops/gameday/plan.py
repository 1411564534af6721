"""Everything that a scenario makes happen, as a list: the same seed, the same list.

What the simulation breaks by chance comes on top. It follows from the same seed, but is its own business.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from servers.lifecycle import State
from smartops.gameday.scenario import Alerts, Deploy, Flapping, Fleet, Outage, Scenario

#: Between two messages about one problem.
REPEAT_EVERY: Final = timedelta(minutes=1)
#: Between a server's restart and its failure, where a deploy goes wrong, and for how long it is down then.
DEPLOY_FAILS_AFTER: Final = timedelta(seconds=30)
DEPLOY_DOWN: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Change:
    """A server that is moved from outside. It stays there for at least `stay`."""

    at: datetime
    server: str
    to: State
    stay: timedelta | None
    reason: str


@dataclass(frozen=True)
class Message:
    """A body that another system posts."""

    at: datetime
    integration: str  # by name, or the source of a plain one
    body: bytes
    problem: str
    firing: bool


@dataclass(frozen=True)
class Request:
    """A ticket that a person opens."""

    at: datetime
    title: str
    description: str
    tier: str


@dataclass(frozen=True)
class Plan:
    """Each list is in the order of its times."""

    changes: tuple[Change, ...]
    messages: tuple[Message, ...]
    requests: tuple[Request, ...]

    @property
    def broken(self) -> set[str]:
        """Servers that are made to fail."""
        return {change.server for change in self.changes if change.to is State.FAILED}

    @property
    def problems(self) -> set[str]:
        return {message.problem for message in self.messages if message.firing}


def plan_of(scenario: Scenario) -> Plan:
    end = scenario.start + scenario.lasts
    changes = [c for c in _changes(scenario) if c.at < end]
    messages = [m for m in _messages(scenario) if m.at < end]
    return Plan(
        tuple(sorted(changes, key=lambda c: (c.at, c.server))),
        tuple(sorted(messages, key=lambda m: (m.at, m.problem))),
        tuple(sorted(_requests(scenario), key=lambda r: (r.at, r.title))),
    )


def digest(lines: list[str]) -> str:
    """A short name of what happened: equal lists have equal names."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def _changes(scenario: Scenario) -> Iterator[Change]:
    fleet, start = scenario.fleet, scenario.start
    if fleet is None:
        return
    for outage in scenario.outages:
        yield from _outage(outage, fleet, start)
    for number, flapping in enumerate(scenario.flapping):
        yield from _flapping(flapping, start, _chance(scenario, "flapping", number))
    for number, deploy in enumerate(scenario.deploys):
        yield from _deploy(deploy, fleet, start, _chance(scenario, "deploys", number))


def _outage(outage: Outage, fleet: Fleet, start: datetime) -> Iterator[Change]:
    what = outage.region or outage.rack or outage.server
    kind = "region" if outage.region else "rack" if outage.rack else "server"
    at = start + outage.at
    for server in places_of(fleet):
        if what in (server.region, server.rack, server.name):
            yield Change(at, server.name, State.FAILED, outage.lasts, f"{kind} {what} is down")
            back = at + outage.lasts
            yield Change(back, server.name, State.BOOTING, None, f"{kind} {what} is back")


def _flapping(flapping: Flapping, start: datetime, chance: random.Random) -> Iterator[Change]:
    at, end = start + flapping.at, start + flapping.at + flapping.lasts
    while at < end:
        down = flapping.every * chance.uniform(0.3, 0.7)
        yield Change(at, flapping.server, State.FAILED, down, "fails again and again")
        yield Change(at + down, flapping.server, State.RUNNING, None, "came back by itself")
        at += flapping.every


def _deploy(
    deploy: Deploy, fleet: Fleet, start: datetime, chance: random.Random
) -> Iterator[Change]:
    at = start + deploy.at
    for server in places_of(fleet):
        if server.role != deploy.role or deploy.region not in ("", server.region):
            continue
        yield Change(at, server.name, State.BOOTING, None, f"deploy of {deploy.role}")
        if chance.uniform(0, 1) < deploy.failing:
            failed = at + DEPLOY_FAILS_AFTER
            why = f"deploy of {deploy.role} failed"
            yield Change(failed, server.name, State.FAILED, DEPLOY_DOWN, why)
        at += deploy.every


@dataclass(frozen=True)
class Place:
    name: str
    role: str
    region: str
    rack: str
    needs: tuple[str, ...]


def places_of(fleet: Fleet) -> list[Place]:
    """Every server with its place, and the servers of its region that it depends on."""
    found = []
    for region in fleet.regions:
        for role, count in fleet.servers.items():
            needs = tuple(
                fleet.server(region, other, number + 1)
                for other in fleet.needs.get(role, [])
                for number in range(fleet.servers[other])
            )
            for number in range(count):
                rack = fleet.rack(region, number % fleet.racks + 1)
                name = fleet.server(region, role, number + 1)
                found.append(Place(name, str(role), region, rack, needs))
    return found


def _messages(scenario: Scenario) -> Iterator[Message]:
    for number, alerts in enumerate(scenario.alerts):
        chance = _chance(scenario, "alerts", number)
        integration = alerts.integration or alerts.source
        for problem in range(alerts.problems):
            service = f"service-{problem + 1:03}"
            key = f"alerts[{number}]/{service}"
            began = scenario.start + alerts.at + alerts.over * chance.uniform(0, 1)
            for repeat in range(alerts.repeats):
                at = began + repeat * REPEAT_EVERY
                if alerts.resolve_after is None or at < began + alerts.resolve_after:
                    yield Message(at, integration, _body(alerts, service, began), key, True)
            if alerts.resolve_after is not None:
                over = began + alerts.resolve_after
                yield Message(over, integration, _body(alerts, service, began, over), key, False)


def _body(alerts: Alerts, service: str, began: datetime, ended: datetime | None = None) -> bytes:
    """What the product would post: when a problem begins, and when it has ended."""
    title = alerts.title.replace("{service}", service)
    labels = {**alerts.labels, "service": service, "severity": alerts.severity}
    made: Any
    if alerts.source == "generic":
        made = {
            "dedup_key": f"{alerts.title}/{service}",
            "summary": title,
            "severity": alerts.severity,
            "status": "firing" if ended is None else "resolved",
            "labels": labels,
        }
    else:
        status = "firing" if ended is None else "resolved"
        made = {
            "version": "4",
            "groupKey": f"{{}}:{{{', '.join(f'{k}={json.dumps(v)}' for k, v in labels.items())}}}",
            "status": status,
            "receiver": "smartops",
            "groupLabels": labels,
            "commonLabels": labels,
            "commonAnnotations": {"summary": title},
            "externalURL": "http://alertmanager.example",
            "truncatedAlerts": 0,
            "alerts": [
                {
                    "status": status,
                    "labels": labels,
                    "annotations": {"summary": title},
                    "startsAt": began.isoformat(),
                    "endsAt": ended.isoformat() if ended else "0001-01-01T00:00:00Z",
                    "generatorURL": "http://prometheus.example/graph",
                    "fingerprint": hashlib.sha256(title.encode()).hexdigest()[:16],
                }
            ],
        }
    return json.dumps(made).encode()


def _requests(scenario: Scenario) -> Iterator[Request]:
    for number, requests in enumerate(scenario.requests):
        chance = _chance(scenario, "requests", number)
        at = scenario.start + requests.since
        end = scenario.start + min(requests.until or scenario.lasts, scenario.lasts)
        while (at := at + timedelta(hours=chance.expovariate(requests.per_hour))) < end:
            text = chance.choice(requests.texts)
            yield Request(at, text.title, text.description, requests.tier)


def _chance(scenario: Scenario, section: str, number: int) -> random.Random:
    """Chance of its own for each item, so that a new item leaves the others as they were."""
    return random.Random(f"{scenario.seed}/{section}/{number}")
