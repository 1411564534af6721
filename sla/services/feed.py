"""Telling the live feed that there are new escalations. The rows are the truth; this only makes it quick."""

import time
from functools import cache
from typing import Final

import structlog
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from workers.connecting import redis

log = structlog.get_logger("sla.feed")
#: The channel on which every web process listens while somebody follows its feed.
CHANNEL: Final = f"{settings.REDIS_PREFIX}alerts"
#: Seconds for an answer, and for which a server that gave none is not asked again.
PATIENCE: Final = 0.5
REST: Final = 3.0

_resting_until = 0.0  # monotonic


def nudge_feed() -> None:
    """Let the feed look for new escalations at once. Call it after the commit.

    Never raises and hardly waits. When Redis is away the feed finds them by itself, a few seconds later.
    """
    global _resting_until
    if time.monotonic() < _resting_until:
        return
    try:
        _publisher().publish(CHANNEL, b"")
    except RedisError as error:
        _resting_until = time.monotonic() + REST
        log.warning("feed not nudged", error=type(error).__name__)


@cache
def _publisher() -> Redis:
    return redis(socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
