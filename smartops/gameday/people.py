"""The agents of a game day: each takes the most urgent ticket that is free, works on it, and resolves it."""

import math
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from servers.lifecycle import Action, State
from servers.models import Incident, IncidentState
from servers.services.fleet import act_on
from sla.document import UNRANKED_PRIORITY
from sla.services import NothingToAcknowledge, acknowledge
from smartops.gameday.plan import Plan
from smartops.gameday.scenario import Scenario, Team
from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import Ticket, TriageStatus
from tickets.services import move_tickets

#: How far the time for a ticket strays from the typical one: two thirds lie within 0.7 and 1.5 times of it.
SPREAD: Final = 0.4
ENDED: Final = [status for status in Status if CATEGORY[status] is Category.RESOLVED]


@dataclass
class Agent:
    name: str
    team: Team
    ticket: int | None = None
    until: datetime | None = None

    def on_shift(self, now: datetime) -> bool:
        return self.team.hours is None or self.team.hours[0] <= now.time() < self.team.hours[1]


class Agents:
    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self.seed = scenario.seed
        self.agents = [
            Agent(f"agent {place + 1}.{number + 1}", team)
            for place, team in enumerate(scenario.teams)
            for number in range(team.agents)
        ]
        #: Server -> when an outage that nobody can end is over.
        self.outages = [(c.server, c.at, c.at + c.stay) for c in plan.changes if c.stay]

    def act(self, now: datetime) -> int:
        """Everybody does what is to be done at this moment. Returns in how many cases that was anything."""
        done = self._work(now)
        free = [agent for agent in self.agents if agent.ticket is None and agent.on_shift(now)]
        for agent, ticket in self._matches(free, now) if free else ():
            self._take(agent, ticket, now)
            done += 1
        return done

    def _work(self, now: datetime) -> int:
        busy = [agent for agent in self.agents if agent.ticket is not None]
        if not busy:
            return 0
        open_now = set(
            Ticket.objects.filter(pk__in=[agent.ticket for agent in busy])
            .exclude(status__in=ENDED)
            .values_list("pk", flat=True)
        )
        done = 0
        for agent in busy:
            if agent.ticket not in open_now:
                agent.ticket = agent.until = None  # it resolved by itself, or with another one
            elif agent.until is not None and agent.until <= now:
                done += self._finish(agent, now)
        return done

    def _matches(self, free: list[Agent], now: datetime) -> Iterator[tuple[Agent, Ticket]]:
        """The most urgent tickets that nobody has, each with an agent who has noticed it."""
        waiting = list(
            Ticket.objects.filter(status=Status.OPEN, merged_into=None, parent=None).exclude(
                triage_status__in=[TriageStatus.PENDING, TriageStatus.RUNNING]
            )
        )
        # Not by their numbers, which two workers may give in either order.
        waiting.sort(key=lambda t: (t.priority or UNRANKED_PRIORITY, t.opened_at, t.title))
        for ticket in waiting:
            seen = now - ticket.opened_at
            agent = next((agent for agent in free if agent.team.notice <= seen), None)
            if agent is not None:
                free.remove(agent)
                yield agent, ticket

    def _take(self, agent: Agent, ticket: Ticket, now: datetime) -> None:
        with suppress(NothingToAcknowledge):  # no policy promises anything
            acknowledge(ids=[ticket.pk], actor=agent.name)
        move_tickets(ids=[ticket.pk], status=Status.IN_PROGRESS, actor=agent.name, now=now)
        agent.ticket, agent.until = ticket.pk, now + self._duration(agent, ticket)

    def _duration(self, agent: Agent, ticket: Ticket) -> timedelta:
        typical = agent.team.work[ticket.priority or UNRANKED_PRIORITY]
        chance = random.Random(
            f"{self.seed}/duration/{ticket.title}/{ticket.opened_at.isoformat()}"
        )
        return typical * math.exp(chance.gauss(0, SPREAD))

    def _finish(self, agent: Agent, now: datetime) -> bool:
        """Start servers that are down, whose tickets resolve when they run; resolve any other ticket.

        False: there is nothing to be done but wait.
        """
        assert agent.ticket is not None
        its_own = Q(ticket=agent.ticket) | Q(ticket__parent=agent.ticket)
        incidents = Incident.objects.filter(its_own).exclude(server=None)
        going_on = incidents.exclude(state=IncidentState.RESOLVED)
        down = going_on.filter(server__state=State.FAILED)
        names = dict(down.values_list("server", "server__name"))
        if any(self._is_out(name, now) for name in names.values()):
            return False
        if names:
            act_on(ids=list(names), action=Action.START, actor=agent.name, now=now)
            return True
        if going_on.exists():
            return False  # they run again: soon the incidents are over
        move_tickets(ids=[agent.ticket], status=Status.RESOLVED, actor=agent.name, now=now)
        agent.ticket = agent.until = None
        return True

    def _is_out(self, server: str, now: datetime) -> bool:
        """Whether it is down for a reason that no restart mends."""
        return any(name == server and begin <= now < end for name, begin, end in self.outages)
