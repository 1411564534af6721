"""Escalations as the watch writes them, and clients that follow the live feed."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from websockets.sync.client import ClientConnection, connect

from tests.live.desk import Desk

_INSERT = """
INSERT INTO sla_escalation (clock_id, ticket_id, department_id, level, threshold, breach, skipped, due_at,
    detected_at, lateness, elapsed_minutes, target_minutes, percent_used, priority, customer_tier, actions,
    acknowledged_by)
SELECT c.id, c.ticket_id, %(department)s, %(level)s + n, '85 %%', n %% 2 = 1, false, now(),
       now(), interval '0', 51.5, 60, 85.8, 2, 'gold', '[]', ''
  FROM generate_series(0, %(count)s - 1) AS n, sla_slaclock c WHERE c.id = %(clock)s ORDER BY n RETURNING id
"""
_POLICY = """
INSERT INTO sla_slapolicy (name, position, enabled, is_default, source)
VALUES ('live', 1, false, false, 'admin') ON CONFLICT DO NOTHING
"""
_VERSION = """
INSERT INTO sla_slapolicyversion (policy_id, number, document, created_by)
SELECT id, 1, '{"tiers": {"gold": {"P1": {"resolution": "4h"}}}}', 'test'
  FROM sla_slapolicy WHERE name = 'live' ON CONFLICT DO NOTHING
"""
_CLOCK = """
INSERT INTO sla_slaclock (ticket_id, metric, cycle, version_id, state, target, started_at, running_since,
                          counted, due_at, level)
SELECT %s, 'first_response', 99, v.id, 'running', interval '1h', now(), now(), interval '0', now(), 0
  FROM sla_slapolicyversion v JOIN sla_slapolicy p ON p.id = v.policy_id AND p.name = 'live' RETURNING id
"""


class Watch:
    """Writes escalations of one ticket in the order of their commits."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        [self.ticket] = desk.open(1)
        desk.sql(_POLICY)
        desk.sql(_VERSION)
        [(self.clock,)] = desk.sql(_CLOCK, self.ticket)
        self._levels = itertools.count(1)

    def escalate(
        self, count: int = 1, *, department: int | None = None, nudge: bool = True
    ) -> list[int]:
        """Write `count` escalations in one transaction, and return their ids in order."""
        given = {
            "department": department,
            "count": count,
            "clock": self.clock,
            "level": [next(self._levels) for _ in range(count)][0],
        }
        with psycopg.connect(self.desk.postgres.url) as link:
            link.execute("SELECT pg_advisory_xact_lock(4711)")
            ids = sorted(pk for (pk,) in link.execute(_INSERT, given).fetchall())
        if nudge:
            self.desk.run_redis("PUBLISH", "smartops:alerts", "")
        return ids


@contextmanager
def follow(
    desk: Desk, query: str = "", *, token: str | None = None, **options: Any
) -> Iterator[ClientConnection]:
    """Open the feed and check its hello. Without other headers, with the desk's own token."""
    headers = options.pop("additional_headers", None)
    if headers is None:
        headers = {"Authorization": f"Token {token or desk.token}"}
    with connect(
        f"ws://{desk.host}:{desk.port}/ws/alerts{query}",
        additional_headers=headers,
        compression=None,
        proxy=None,
        close_timeout=1,
        **options,
    ) as client:
        assert heard(client)["type"] == "hello"
        yield client


def heard(client: ClientConnection, seconds: float = 15) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(client.recv(timeout=seconds))
    return message


def alert_ids(client: ClientConnection, until: int, seconds: float = 15) -> list[int]:
    """The ids of the alerts that arrive, up to the one that is waited for."""
    found: list[int] = []
    while not found or found[-1] < until:
        message = heard(client, seconds)
        if message["type"] == "alert":
            found.append(message["id"])
    return found
