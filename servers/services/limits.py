"""How much an integration may send, and who hears of it when it sends more."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.exceptions import RedisError

from servers.models import Integration
from tickets.intake import TicketIn
from tickets.services import open_tickets

log = structlog.get_logger("servers.limits")
WINDOW: Final = 60  # seconds
#: Without a refused request for so long, the next one is news again.
EPISODE: Final = timedelta(minutes=15)
PATIENCE: Final = 0.5  # seconds for an answer of the server that counts
REST: Final = 3.0  # and for which it is not asked again when it gave none


@cache
def _counters() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )


class Allowance:
    """Counts requests in fixed minutes, for all web processes together. When Redis is away, nobody is limited."""

    def __init__(self) -> None:
        self._resting_until = 0.0  # monotonic

    def take(self, asked: Sequence[tuple[int, int]], *, now: datetime) -> list[bool]:
        """Return for each (integration, its rate per minute) whether it may be sent: one round trip for all."""
        if time.monotonic() < self._resting_until:
            return [True] * len(asked)
        minute = int(now.timestamp() // WINDOW)
        counts = Counter(integration for integration, _ in asked)
        pipeline = _counters().pipeline(transaction=False)
        for integration, count in counts.items():
            pipeline.incrby(f"{settings.REDIS_PREFIX}intake:{integration}:{minute}", count)
            pipeline.expire(f"{settings.REDIS_PREFIX}intake:{integration}:{minute}", 2 * WINDOW)
        try:
            totals = pipeline.execute()[::2]
        except RedisError as error:
            self._resting_until = time.monotonic() + REST
            log.warning("nobody is limited", error=type(error).__name__)
            return [True] * len(asked)
        used = {
            integration: int(total) - count
            for (integration, count), total in zip(counts.items(), totals, strict=True)
        }
        allowed = []
        for integration, rate in asked:
            used[integration] += 1
            allowed.append(used[integration] <= rate)
        return allowed


def seconds_left(now: datetime) -> int:
    """Until the next minute begins, in which there is a new allowance."""
    return WINDOW - int(now.timestamp()) % WINDOW


@transaction.atomic
def note_limited(*, integration: int, sender: str, now: datetime) -> int | None:
    """Remember that requests of `integration` were refused. The first of an episode opens a ticket for its owner.

    Returns that ticket's id, or None. `sender`: the address that it came from.
    """
    rows = Integration.objects.select_for_update().filter(pk=integration)
    row = rows.first()
    if row is None:
        return None
    before = row.limited_at
    rows.update(limited_at=now)
    if before is not None and now - before < EPISODE:
        return None
    given = {
        "source": "servers",
        "title": f"{row.name} sends more than it may"[:255],
        "description": (
            f"The integration {row.name} ({row.get_source_display()}) sent more than"
            f" {row.rate_per_minute} requests in the minute from {now:%Y-%m-%d %H:%M} UTC; those above are"
            f" answered with 429 and are not kept. The last came from {sender}.\n\n"
            "Let it send less often or in groups, or raise its rate per minute. As long as it goes on, and for"
            f" {EPISODE.total_seconds() // 60:.0f} minutes after, no other ticket is opened for it."
        ),
    }
    # The owner may have left: an inactive assignee would refuse the ticket.
    if row.owner is not None and row.owner.is_active:
        given["assignee"] = row.owner.get_username()
    item = TicketIn.model_validate(given, context={"now": now})
    [outcome] = open_tickets(items=[item], actor="intake", now=now)
    return outcome.ticket.pk if outcome.ticket else None
