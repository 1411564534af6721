"""Playing: time goes on in steps, and only when the workers have done what was to be done (ADR 0023).

So what is measured is what the desk does, and not how fast this machine happens to be. Where it is too slow for
the speed that was asked for, the game day takes longer, and the report says so.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.db import connection

from servers.services.deliveries import Body, record
from smartops.gameday.people import Agents
from smartops.gameday.plan import Message, Plan, Request
from smartops.gameday.scenario import Scenario
from smartops.gameday.stage import ACTOR
from tickets.intake import TicketIn
from tickets.services import open_tickets
from workers.clock import SharedClock
from workers.connecting import redis
from workers.names import TaskName
from workers.queues import QUEUES

#: How far time goes at once: what beat's tightest promise, the check of deadlines, is kept by.
STEP: Final = timedelta(seconds=15)
#: What beat asks for all the time, each with what it would find to do: first what happens to servers, then what
#: follows from it. Where there is nothing, there is no message: calm hours take less time than others.
WORLD: Final = {
    TaskName.SERVERS_TICK: """
        SELECT FROM servers_server
         WHERE kind = 'simulated' AND state <> 'stopped'
           AND (next_change_at <= %(now)s OR next_change_at IS NULL)
         UNION ALL SELECT FROM servers_plannedmove WHERE at <= %(now)s
         UNION ALL SELECT FROM servers_simulation
                    WHERE date_trunc('hour', until) < date_trunc('hour', %(now)s)""",
}
WATCH: Final = {
    TaskName.SERVERS_FOLLOW_EVENTS: "SELECT FROM servers_serverevent WHERE handled_at IS NULL",
    TaskName.SERVERS_SETTLE_INCIDENTS: """
        SELECT FROM servers_incident
         WHERE resolve_at <= %(now)s OR flapping_since IS NOT NULL OR held IS NOT NULL
            OR dismissed_at IS NOT NULL
               AND server_id IN (SELECT id FROM servers_server WHERE state = 'failed')""",
    TaskName.SERVERS_WATCH_STORMS: """
        SELECT FROM servers_incident WHERE first_at > %(now)s - interval '15 minutes'
         UNION ALL SELECT FROM servers_storm WHERE ended_at IS NULL""",
    TaskName.SLA_CHECK_CLOCKS: """
        SELECT FROM sla_slaclock WHERE next_check_at <= %(now)s
         UNION ALL SELECT FROM servers_storm WHERE ended_at IS NULL""",
}
#: In real time, as beat sends them: they find what lost its message or its worker.
SWEEPS: Final = (
    TaskName.TRIAGE_REQUEUE_STALE_JOBS,
    TaskName.SERVERS_REQUEUE_STALE_DELIVERIES,
    TaskName.SLA_REQUEUE_STALE_NOTIFICATIONS,
)
SWEEP_SECONDS: Final = 10.0
STUCK_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.002

#: Committed work that no worker has done yet, by what it is called.
UNDONE: Final = {
    "events of servers": "SELECT FROM servers_serverevent WHERE handled_at IS NULL",
    "alerts": "SELECT FROM servers_delivery WHERE state IN ('pending', 'running')",
    "tickets to triage": "SELECT FROM triage_triagejob WHERE state IN ('pending', 'running')",
    "messages": """SELECT FROM sla_notification n JOIN sla_channel c ON c.id = n.channel_id AND c.enabled
                    WHERE n.state IN ('queued', 'sending', 'retrying')""",
}


class Stuck(Exception):
    """The workers do not get on. The message says with what."""


@dataclass(frozen=True)
class Pace:
    """How fast it went."""

    played: timedelta
    seconds: float

    @property
    def speed(self) -> float:
        return self.played.total_seconds() / self.seconds


class Player:
    def __init__(
        self, scenario: Scenario, plan: Plan, integrations: dict[str, int], clock: SharedClock
    ) -> None:
        self.scenario, self.clock, self.integrations = scenario, clock, integrations
        self.messages, self.requests = _Due(plan.messages), _Due(plan.requests)
        self.agents = Agents(scenario, plan)
        self.redis = redis()

    def play(self, *, speed: float, tell: Callable[[str], None]) -> Pace:
        """Play to the end, at `speed` times real time or as fast as the workers can.

        :raises Stuck: they no longer can.
        """
        start, now = time.monotonic(), self.scenario.start
        end, hour = now + self.scenario.lasts, timedelta(hours=1)
        while now < end:
            now = min(now + STEP, end)
            self.clock.move(now)
            self._step(now)
            ahead = (now - self.scenario.start).total_seconds() / speed
            time.sleep(max(0.0, start + ahead - time.monotonic()))
            if (now - self.scenario.start) % hour < STEP or now == end:
                pace = Pace(now - self.scenario.start, time.monotonic() - start)
                tell(f"{now:%a %H:%M}  {pace.speed:.0f} times real time")
        return pace

    def _step(self, now: datetime) -> None:
        stirred = self._open(self.requests.until(now), now)
        stirred += self._post(self.messages.until(now), now)
        for tasks in (WORLD, WATCH):
            due = _found(tasks, now)
            for name in due:
                current_app.send_task(name)
            if due or stirred:
                self._wait_until_quiet(now)
        if self.agents.act(now):
            self._wait_until_quiet(now)

    def _open(self, requests: list[Request], now: datetime) -> int:
        fields = ("title", "description")
        items = [
            TicketIn.model_validate(
                {
                    **{name: getattr(request, name) for name in fields},
                    "customer_tier": request.tier,
                },
                context={"now": now},
            )
            for request in requests
        ]
        if items:
            open_tickets(items=items, actor=ACTOR, now=now)
        return len(items)

    def _post(self, messages: list[Message], now: datetime) -> int:
        bodies = [
            Body(self.integrations[m.integration], m.body, "application/json", "") for m in messages
        ]
        if bodies:
            record(bodies=bodies, now=now)
        return len(bodies)

    def _wait_until_quiet(self, now: datetime) -> None:
        """Return when no message waits or is worked on, and no committed work is undone."""
        started, sweep = time.monotonic(), SWEEP_SECONDS
        quiet = 0
        while quiet < 2:  # between a queue and a worker's hands a message is nowhere to be seen
            time.sleep(_POLL_SECONDS)
            waiting = self._messages()
            undone = [] if waiting else _found(UNDONE, now)
            quiet = 0 if waiting or undone else quiet + 1
            waited = time.monotonic() - started
            if waited > STUCK_SECONDS:
                what = ", ".join(undone) or f"{waiting} tasks"
                raise Stuck(f"For {waited:.0f} s the workers did not get on with: {what}.")
            if waited > sweep:
                sweep += SWEEP_SECONDS
                for name in SWEEPS:
                    current_app.send_task(name)

    def _messages(self) -> int:
        with self.redis.pipeline(transaction=False) as pipe:
            for queue in QUEUES:
                pipe.llen(f"{settings.REDIS_PREFIX}{queue.name}")
            pipe.hlen(f"{settings.REDIS_PREFIX}unacked")
            return sum(pipe.execute())


def _found(queries: Mapping[str, str], now: datetime) -> list[str]:
    """The names of those queries that find anything."""
    wanted = ", ".join(f"EXISTS ({query})" for query in queries.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {wanted}", {"now": now})
        return [name for name, found in zip(queries, cursor.fetchone(), strict=True) if found]


class _Due:
    """Things in the order of their times, handed out once each."""

    def __init__(self, things: Any) -> None:
        self._rest: Iterator[Any] = iter(things)
        self._next = next(self._rest, None)

    def until(self, now: datetime) -> list[Any]:
        found = []
        while self._next is not None and self._next.at <= now:
            found.append(self._next)
            self._next = next(self._rest, None)
        return found
