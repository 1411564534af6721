"""A desk beside the desk: its own database on the same server, its own keys in the same Redis, and an end to both.

It has the desk's configuration, so that the own policies, rules and routes are rehearsed, and nothing else: no
people, no tickets, no secrets, and no address that a message could reach.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import psycopg
from django.apps import apps
from psycopg import sql
from redis import Redis

#: With the number of a game day: the lock that its driver holds for as long as it plays.
_LOCK: Final = 0x6A_3E_DA
_MOST_NAME: Final = (
    40  # of the desk's database in that of the game day: PostgreSQL cuts names at 63
)

#: What is copied, and what stands there instead of a column. People and secrets stay behind.
COPIED: Final[Mapping[str, Mapping[str, str]]] = {
    "tickets.Department": {"lead_id": "NULL"},
    "tickets.SupportGroup": {},
    "tickets.Category": {},
    "triage.Rule": {},
    "triage.RoutingRule": {},
    "triage.RoutingRule_categories": {},
    "triage.PriorityCell": {},
    "triage.FieldPolicy": {},
    "triage.DuplicatePolicy": {},
    "triage.ClassifierModel": {},
    "sla.BusinessCalendar": {},
    "sla.SlaPolicy": {},
    "sla.SlaPolicyVersion": {},
    "sla.Channel": {
        "kind": "'webhook'",
        "encrypted_address": "''",
        "encrypted_secret": "''",
        "encrypted_previous_secret": "''",
        "previous_secret_until": "NULL",
        "host": "''",
        "recipients": "'{}'",
        "for_people": "false",
        "events": "'{}'",
        "owner_id": "NULL",
        "rate_per_minute": "60000",
        "failures": "0",
        "next_attempt_at": "NULL",
        "lease_token": "NULL",
        "lease_until": "NULL",
    },
    "sla.ChannelRoute": {},
    "servers.Integration": {
        "key_hash": "id::text",
        "previous_key_hash": "''",
        "encrypted_secret": "''",
        "owner_id": "NULL",
    },
}


class Refused(Exception):
    """A game day cannot be played here. The message says why and what to do."""


@dataclass(frozen=True)
class Scratch:
    """Where the game day's processes work. `name` is that of the database, and its keys begin with it."""

    name: str
    database_url: str
    redis_url: str

    @property
    def prefix(self) -> str:
        return f"{self.name}:"


@contextmanager
def scratch_desk(database_url: str, redis_url: str, *, keep: bool = False) -> Iterator[Scratch]:
    """Make an empty database, and remove it at the end with all keys in Redis, and what a killed game day left.

    With `keep` the database stays, under a name that no game day touches.

    :raises Refused: the role may not make databases.
    """
    desk = urlsplit(database_url).path.lstrip("/")[:_MOST_NAME]
    with psycopg.connect(database_url, autocommit=True) as link:
        _sweep(link, desk, redis_url)
        number = secrets.randbits(31)
        _hold(link, number)
        scratch = Scratch(
            name := f"{desk}_gameday_{number:08x}", _with_database(database_url, name), redis_url
        )
        _create(link, scratch.name)
        try:
            yield scratch
        finally:
            if keep:
                _rename(link, scratch.name, f"{scratch.name}_kept")
            else:
                _execute(link, "DROP DATABASE {} WITH (FORCE)", scratch.name)
            _forget_keys(redis_url, scratch.prefix)


def copy_configuration(desk_url: str, scratch_url: str) -> None:
    """Give the scratch desk, which is migrated, the desk's configuration instead of what migrations put there.

    :raises Refused: the desk's database is at another version.
    """
    with psycopg.connect(desk_url) as desk, psycopg.connect(scratch_url) as scratch:
        migrations = "SELECT app, name FROM django_migrations ORDER BY 1, 2"
        if desk.execute(migrations).fetchall() != scratch.execute(migrations).fetchall():
            raise Refused(
                "The desk's database is at another version. Run `manage.py migrate` first."
            )
        models = {apps.get_model(label): instead for label, instead in COPIED.items()}
        tables = [sql.Identifier(model._meta.db_table) for model in models]
        scratch.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(tables)))
        for model, instead in models.items():
            columns = [field.column for field in model._meta.local_concrete_fields]
            _copy(desk, scratch, model._meta.db_table, columns, instead)


def _copy(
    desk: Any, scratch: Any, table: str, columns: list[str], instead: Mapping[str, str]
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    values = sql.SQL(", ").join(
        sql.SQL(instead[name]) if name in instead else sql.Identifier(name) for name in columns
    )
    of = sql.Identifier(table)
    read = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(values, of)
    write = sql.SQL("COPY {} ({}) FROM STDIN").format(of, names)
    with desk.cursor().copy(read) as there, scratch.cursor().copy(write) as here:
        for block in there:
            here.write(block)
    scratch.execute(
        sql.SQL(
            "SELECT setval(pg_get_serial_sequence({}, 'id'), coalesce(max(id), 0) + 1, false) FROM {}"
        ).format(sql.Literal(table), of)
    )


def _create(link: Any, name: str) -> None:
    try:
        _execute(link, "CREATE DATABASE {}", name)
    except psycopg.errors.InsufficientPrivilege:
        role = sql.Identifier(link.info.user).as_string(link)
        raise Refused(
            f"A game day needs a database of its own, and role {role} may not make one. Let an administrator "
            f"allow it: ALTER ROLE {role} CREATEDB;"
        ) from None


def _rename(link: Any, name: str, to: str) -> None:
    """Give a database another name, which nobody may have open meanwhile."""
    link.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
    )
    _execute(link, "ALTER DATABASE {} RENAME TO {}", name, to)


def _sweep(link: Any, desk: str, redis_url: str) -> None:
    """Remove what game days left whose driver was killed: nobody holds their lock."""
    ours = re.compile(rf"{re.escape(desk)}_gameday_([0-9a-f]{{8}})")
    for (name,) in link.execute("SELECT datname FROM pg_database").fetchall():
        if found := ours.fullmatch(name):
            number = int(found[1], 16)
            if _hold(link, number):
                _execute(link, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
                _forget_keys(redis_url, f"{name}:")
                link.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, number])


def _hold(link: Any, number: int) -> bool:
    return bool(link.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, number]).fetchone()[0])


def _forget_keys(redis_url: str, prefix: str) -> None:
    with Redis.from_url(redis_url) as redis:
        for key in redis.scan_iter(match=f"{prefix}*", count=1000):
            redis.unlink(key)


def _execute(link: Any, statement: Any, *names: str) -> None:
    link.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{quote(name)}").geturl()
