"""What a backup says of itself, so that a restore knows what it must find."""

import json
import tomllib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from analytics.models import ExportPiece
from smartops.backup.tools import Refused, server_version
from smartops.env import BASE_DIR
from workers.encryption import fingerprint

FORMAT: Final = 1
NAME: Final = "manifest.json"
DUMP: Final = "database.dump"
#: Files that were made from what a backup has, and are made again: only their table is in it.
LEFT_OUT: Final = ExportPiece._meta.db_table


@dataclass(frozen=True)
class Manifest:
    made_at: str  # ISO 8601, UTC
    smartops: str  # version of the code
    server: str  # PostgreSQL's
    key: str  # fingerprint of the SECRET_KEY with which secrets are encrypted
    migrations: list[str]  # app.name, sorted
    rows: dict[str, int]  # by table
    format: int = FORMAT

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def of_database(cls) -> "Manifest":
        """Describe the database as the transaction that runs sees it."""
        project: Any = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]
        return cls(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            smartops=project["version"],
            server=server_version()[1],
            key=fingerprint(),
            migrations=applied_migrations(),
            rows=count_rows() | {LEFT_OUT: 0},
        )

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """:raises Refused: it is none of ours, or of a later kind."""
        try:
            found = json.loads(text)
            kind = found["format"]
            if kind == FORMAT:
                return cls(**found)
        except (ValueError, KeyError, TypeError):
            raise Refused("This file is no backup of a desk.") from None
        raise Refused(f"This backup has the format {kind}; this version reads {FORMAT}. Update it.")


def applied_migrations() -> list[str]:
    found = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in found)


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def count_rows() -> dict[str, int]:
    """Return the number of rows of every table."""
    counts = {}
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
            counts[table] = int(cursor.fetchone()[0])
    return counts
