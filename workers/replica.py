"""The read replica, where there is one: figures, panels, reports and files may be read from it, nothing else is.

A replica that cannot be asked, or that is far behind, is left alone: the primary answers, and `/health` says so.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections

log = structlog.get_logger("smartops.replica")

ALIAS: Final = "replica"
#: Farther behind the primary it is not asked.
MOST_BEHIND: Final = 60.0  # seconds
#: So often a process looks how it is.
LOOK_EVERY: Final = 10.0  # seconds
_LATEST: Final = "SELECT extract(epoch FROM max(beat_at))::float8 FROM workers_heartbeat"
_reading: ContextVar[bool] = ContextVar("reading from the replica", default=False)
T = TypeVar("T")


class Behind(Exception):
    """What is asked for is not there yet: the replica may only not have got it."""


class Router:
    """Inside `read` all queries go to the replica: never a part of one, so that no statement needs both."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return ALIAS if _reading.get() else None

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True  # the same rows

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == ALIAS else None


class _Watch:
    """What this process knows of the replica."""

    def __init__(self) -> None:
        self.until, self.usable = 0.0, False

    def look(self) -> bool:
        """Whether the replica may be asked, as of some seconds ago."""
        if time.monotonic() >= self.until:
            self.until = time.monotonic() + LOOK_EVERY  # others need not look meanwhile
            self.usable = not replica_findings()
        return self.usable

    def avoid(self) -> None:
        """It failed: leave it alone until somebody looks again."""
        self.until, self.usable = time.monotonic() + LOOK_EVERY, False


WATCH: Final = _Watch()


def is_configured() -> bool:
    return ALIAS in connections.settings


def reader() -> Any:
    """The connection that plain SQL reads from: the replica's inside `read`, else the primary's."""
    return connections[ALIAS if _reading.get() else DEFAULT_DB_ALIAS]


def read(ask: Callable[[], T]) -> T:
    """Call `ask`, whose questions go to the replica; if there is none, it fails or is `Behind`, again, and to the
    primary.

    `ask` only reads. What people may see is looked up before. In a transaction the primary is asked, which knows
    what that wrote.
    """
    if not is_configured() or connection.in_atomic_block or not WATCH.look():
        return ask()
    token = _reading.set(True)
    try:
        return ask()
    except Behind:
        log.info("read replica has not got it yet")
    except (DatabaseError, InterfaceError) as problem:
        log.warning("read replica failed", error=type(problem).__name__)
        WATCH.avoid()
        connections[ALIAS].close()
    finally:
        _reading.reset(token)
    return ask()


def lag() -> float | None:
    """By how many seconds the replica is behind, told by the heartbeats that both hold. None: it is no replica.

    :raises DatabaseError: one of the two does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LATEST)
        [here] = cursor.fetchone()
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(f"SELECT pg_is_in_recovery(), ({_LATEST})")
        is_replica, there = cursor.fetchone()
    if not is_replica:
        return None
    return max(0.0, (here or 0.0) - (there or 0.0))


def replica_findings() -> list[str]:
    """Why the replica is not asked, as sentences for `/health`."""
    if not is_configured():
        return []
    connection.ensure_connection()  # when the primary is away, that is another finding
    try:
        behind = lag()
    except (DatabaseError, InterfaceError):
        return ["The read replica does not answer: figures are read from the primary."]
    if behind is None:
        return ["DATABASE_REPLICA_URL leads to no replica: figures are read from the primary."]
    if behind > MOST_BEHIND:
        return [
            f"The read replica is {behind:,.0f} seconds behind: figures are read from the primary."
        ]
    return []
