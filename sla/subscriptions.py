"""Which callbacks want to hear of tickets: kept in memory, so that a desk without callbacks pays nothing."""

import threading
import time
from typing import Final, NamedTuple
from uuid import UUID

from sla.models import Channel

#: A new callback is heard of within this time in every process.
FRESH_SECONDS: Final = 1.0


class Subscription(NamedTuple):
    channel: int
    owner: UUID | None  # None: of every owner
    events: frozenset[str]


_lock: Final = threading.Lock()
_loaded: tuple[Subscription, ...] = ()
_fresh_until = 0.0


def current() -> tuple[Subscription, ...]:
    """Return the callbacks that are switched on. A change elsewhere is seen within FRESH_SECONDS."""
    global _loaded, _fresh_until
    with _lock:
        if time.monotonic() >= _fresh_until:
            rows = Channel.objects.filter(enabled=True).exclude(events=[])
            _loaded = tuple(
                Subscription(pk, owner, frozenset(events))
                for pk, owner, events in rows.values_list("pk", "owner_id", "events")
            )
            _fresh_until = time.monotonic() + FRESH_SECONDS
        return _loaded


def forget() -> None:
    """Look again at the next call: for the process that has just changed something."""
    global _fresh_until
    with _lock:
        _fresh_until = 0.0
