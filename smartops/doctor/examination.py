"""The order in which the doctor looks, and what it does when it cannot look."""

from collections.abc import Callable, Iterator
from typing import Final

from django.db import DatabaseError, InterfaceError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from smartops.doctor import broker, database, files, outside, reported, settings
from smartops.doctor.finding import Finding, Level, error

Check = Callable[[], Iterator[Finding]]

#: What everything behind it needs comes first: without a database most of the rest is not looked at.
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("settings", settings.mode),
    ("settings", settings.names),
    ("settings", settings.metrics_token),
    ("secrets", settings.secret_key),
    ("files", files.permissions),
    ("files", files.room),
    ("files", files.sla_file),
    ("database", database.server),
    ("database", database.latency),
    ("database", database.clock),
    ("database", database.durability),
    ("database", database.connections),
    ("database", database.broken_restore),
    ("migrations", database.migrations),
    ("replica", database.read_replica),
    ("readable secrets", database.readable_secrets),
    ("redis", broker.redis_server),
    ("broker", broker.queues),
    ("workers", broker.workers),
    ("mail", outside.mail_server),
    ("channels", outside.channels),
    ("schedule", reported.schedule),
    ("health", reported.health),
)
#: What cannot be looked at while something else is away.
NEEDS: Final = {
    "replica": {"database", "migrations"},
    "migrations": {"database"},
    "readable secrets": {"database", "migrations"},
    "mail": {"database", "migrations"},
    "channels": {"database", "migrations"},
    "schedule": {"database", "migrations"},
    "health": {"database", "migrations"},
    "workers": {"broker"},
}


def examine() -> list[Finding]:
    """Look at everything, in order. Never raises: what cannot be looked at is a finding, too."""
    found: list[Finding] = []
    away: set[str] = set()
    for about, check in CHECKS:
        if away & {about, *NEEDS.get(about, ())}:
            continue
        try:
            new = list(check())
        except (DatabaseError, InterfaceError) as problem:
            new = [_unanswered("database", "The database", problem, "DATABASE_URL")]
            away.add("database")
        except RedisError as problem:
            new = [_unanswered("redis", "Redis", problem, "REDIS_URL")]
            away |= {"redis", about}
        except (BrokerError, OSError) as problem:
            new = [_unanswered(about, "What it asked", problem, "the address and the network")]
            away.add(about)
        if about == "migrations" and any(one.level is Level.ERROR for one in new):
            away.add("migrations")
        found += new
    return found


def _unanswered(about: str, who: str, problem: Exception, where: str) -> Finding:
    reason = (str(problem).strip().splitlines() or [""])[0]
    return error(
        about,
        f"{who} does not answer ({type(problem).__name__}{': ' + reason if reason else ''}).",
        f"Start it, or correct {where}.",
    )
