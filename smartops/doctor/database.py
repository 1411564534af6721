"""PostgreSQL: the right one, near, durable, with room for everybody, at the version of this code."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader

from smartops.doctor.finding import Finding, error, ok, warning
from smartops.leftover import ASIDE, is_broken_off
from workers.encryption import Unreadable, decrypt, is_current
from workers.replica import MOST_BEHIND, is_configured, lag
from workers.stored_secrets import stored_secrets

OLDEST, NEWEST = 15, 18
SLOW, TOO_SLOW = 5.0, 50.0  # milliseconds for a question and its answer
SKEW, TOO_MUCH_SKEW = 1.0, 30.0  # seconds
FULL: Final = 0.8  # of its connections
UNTOUCHED: Final = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")


def _ask(query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


def server() -> Iterator[Finding]:
    number, text, encoding = _ask(
        """SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                  pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"""
    )
    major = number // 10_000
    if major < OLDEST:
        yield error(
            "database",
            f"PostgreSQL {text} is too old.",
            f"Move to {OLDEST} to {NEWEST}: `manage.py backup` here, `manage.py restore` there.",
        )
    elif major > NEWEST:
        yield warning(
            "database",
            f"PostgreSQL {text} is newer than what this was tested with.",
            f"Use {OLDEST} to {NEWEST}, or try it with a copy first.",
        )
    else:
        yield ok("database", f"PostgreSQL {text}; no extension is needed.")
    if encoding != "UTF8":
        yield error(
            "database",
            f"The database's encoding is {encoding}: most languages cannot be stored.",
            "Make a database with ENCODING 'UTF8' and restore a backup into it.",
        )


def latency() -> Iterator[Finding]:
    took = []
    for _ in range(9):
        began = time.perf_counter()
        _ask("SELECT 1")
        took.append((time.perf_counter() - began) * 1000)
    milliseconds = median(took)
    says = f"It answers within {milliseconds:.1f} ms."
    fix = "Run the desk beside its database: a request asks it five to fifteen times."
    if milliseconds > TOO_SLOW:
        yield error("database", says, fix)
    elif milliseconds > SLOW:
        yield warning("database", says, fix)
    else:
        yield ok("database", says)


def clock() -> Iterator[Finding]:
    before = datetime.now(UTC)
    [there] = _ask("SELECT clock_timestamp()")
    after = datetime.now(UTC)
    skew = (there - (before + (after - before) / 2)).total_seconds()
    says = f"Its clock and that of this machine are {abs(skew):.1f} s apart."
    fix = "Let both follow the same time servers (chrony, systemd-timesyncd)."
    if abs(skew) > TOO_MUCH_SKEW:
        yield error("database", says, fix)
    elif abs(skew) > SKEW:
        yield warning("database", says, fix)
    else:
        yield ok("database", says)


def durability() -> Iterator[Finding]:
    off = [name for name in UNTOUCHED if _ask(f"SHOW {name}")[0] in ("off", "local")]
    for name in off:
        yield error(
            "database",
            f"{name} is off: "
            + (
                "tables and indexes grow without end."
                if name == "autovacuum"
                else "tickets that were accepted may be lost in a power cut."
            ),
            f"ALTER SYSTEM RESET {name}; SELECT pg_reload_conf();",
        )
    if not off:
        yield ok("database", "What it accepted is on disk.")


def connections() -> Iterator[Finding]:
    used, most = _ask(
        """SELECT count(*), current_setting('max_connections')::int
                            - current_setting('superuser_reserved_connections')::int
             FROM pg_stat_activity WHERE backend_type = 'client backend'"""
    )
    says = f"{used} of {most} connections are in use."
    if used > FULL * most:
        yield warning(
            "database",
            says,
            "Raise max_connections, or put PgBouncer in between (docs/operations.md).",
        )
    else:
        yield ok("database", says)


def read_replica() -> Iterator[Finding]:
    if not is_configured():
        return
    try:
        behind = lag()
    except (DatabaseError, InterfaceError) as problem:
        yield warning(
            "replica",
            f"The read replica does not answer ({type(problem).__name__}): figures are read from the primary.",
            "Start it, or correct or take away DATABASE_REPLICA_URL.",
        )
        return
    if behind is None:
        yield warning(
            "replica",
            "DATABASE_REPLICA_URL leads to no replica: pg_is_in_recovery() is false there.",
            "Give a standby's address, or none: figures are read from the primary meanwhile.",
        )
    elif behind > MOST_BEHIND:
        yield warning(
            "replica",
            f"The read replica is {behind:,.0f} seconds behind: figures are read from the primary.",
            "Look at pg_stat_replication on the primary, and at long queries on the replica.",
        )
    else:
        yield ok("replica", f"Figures are read from a replica that is {behind:.0f} s behind.")


def migrations() -> Iterator[Finding]:
    loader = MigrationLoader(connection)
    known, applied = set(loader.graph.nodes), set(loader.applied_migrations)
    if missing := sorted(known - applied):
        first = ", ".join(".".join(key) for key in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        yield error(
            "migrations",
            f"The database is older than this code: {first}{more}.",
            "Run `manage.py migrate`; old processes may go on meanwhile.",
        )
    ours = {label for label, _ in known}
    newer = sorted(key for key in applied - known if key[0] in ours)
    if newer:
        yield warning(
            "migrations",
            f"The database is newer than this code: {', '.join('.'.join(key) for key in newer[:3])}.",
            "Update this process's image to the version that the others run.",
        )
    if not missing and not newer:
        yield ok("migrations", "The tables are those of this code.")


def broken_restore() -> Iterator[Finding]:
    if is_broken_off():
        yield error(
            "database",
            f"A restore was broken off: the schema {ASIDE} holds what was there before it.",
            "Stop web, workers and beat and run `manage.py restore` again: it puts that back first.",
        )


def readable_secrets() -> Iterator[Finding]:
    """Secrets at rest are read with SECRET_KEY, or with an old one that SECRET_KEY_FALLBACKS still names."""
    lost: list[str] = []
    old = total = 0
    for secret in stored_secrets():
        total += 1
        try:
            decrypt(secret.kept)
        except Unreadable:
            lost.append(str(secret))
        else:
            old += not is_current(secret.kept)
    if lost:
        yield error(
            "secrets",
            f"{len(lost)} stored secrets were encrypted with another SECRET_KEY, such as {lost[0]}.",
            "Put the old key into SECRET_KEY_FALLBACKS, or enter those secrets anew in the admin.",
        )
    if old:
        yield warning(
            "secrets",
            f"{old} stored secrets are still encrypted with a key of SECRET_KEY_FALLBACKS.",
            "Run `manage.py reencrypt_secrets`; then that key can go.",
        )
    elif settings.SECRET_KEY_FALLBACKS and not lost:
        yield ok("secrets", "No stored secret needs SECRET_KEY_FALLBACKS any more.")
    if not lost and not old:
        yield ok("secrets", f"{total} stored secrets can be read.")
