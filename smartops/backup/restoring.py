"""A backup back into a database: all of it, proved by its counts, or nothing."""

import subprocess
import tempfile
from pathlib import Path
from typing import IO, Final
from zipfile import BadZipFile, ZipFile

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from smartops.backup.manifest import DUMP, NAME, Manifest, count_rows, tables
from smartops.backup.tools import Refused, environment, server_version, tool
from smartops.backup.writing import PIECE
from smartops.leftover import ASIDE, is_broken_off
from workers.encryption import fingerprint_of
from workers.words import number_of

#: What people made. Rows that `migrate` writes into every new database do not count.
OWN: Final = ("tickets_ticket", "auth_user")


class Unfinished(Exception):
    """The backup is restored and counted. The message says what is left to do."""


def read_manifest(path: Path) -> Manifest:
    """:raises Refused: it is no backup."""
    try:
        with ZipFile(path) as archive:
            return Manifest.from_json(archive.read(NAME))
    except (OSError, BadZipFile, KeyError) as problem:
        raise Refused(f"{path} cannot be read as a backup ({problem}).") from None


def restore(path: Path, *, replace: bool = False, connected: bool = False) -> Manifest:
    """Make the database what it was when the backup was written.

    When anything fails, it is left as it was; what a killed restore had set aside is put back first. `replace`:
    also if it holds tickets or people. `connected`: also while others are connected, such as a pooler.

    :raises Refused: with the reason and what to do.
    :raises Unfinished: it is restored, and what was there before could not be removed, or not in time.
    """
    manifest = read_manifest(path)
    _check_code(manifest)
    _check_alone(connected=connected)
    undo_broken_off()
    _check_empty(replace=replace)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"ALTER SCHEMA public RENAME TO {ASIDE}")
            cursor.execute("CREATE SCHEMA public")
        with ZipFile(path) as archive, archive.open(DUMP) as dump:
            _feed(dump)
        _compare(manifest)
    except BaseException:  # Ctrl-C, too
        connection.close()  # perhaps it is what was lost
        if is_broken_off():
            _put_back()
        raise
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {ASIDE} CASCADE")
            cursor.execute("ANALYZE")
    except BaseException as problem:  # Ctrl-C, too: there is no way back any more
        raise Unfinished(
            f"The backup is restored. What was there before could not be removed ({in_a_line(problem)}): run DROP "
            f"SCHEMA IF EXISTS {ASIDE} CASCADE, then ANALYZE, then `manage.py migrate`."
        ) from problem
    return manifest


def aftermath() -> str:
    """Say in which state a restore that failed has left the database."""
    connection.close()
    try:
        broken = is_broken_off()
    except (DatabaseError, InterfaceError):
        return (
            "The database does not answer, so nobody can say how far it came. Run this again when it is back: "
            f"what is in the schema {ASIDE} is put back first."
        )
    if broken:
        return (
            f"What was there before is whole, in the schema {ASIDE}: run this again, which puts it back first. "
            "Start nothing else until then."
        )
    return "Nothing was changed."


def in_a_line(problem: BaseException) -> str:
    """An error of the database or of the system, without its details."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]


def undo_broken_off() -> bool:
    """Put back what a restore that was killed had set aside. Returns whether there was any.

    :raises Refused: there are tickets or people beside it, so that a person must say which are right.
    """
    if not is_broken_off():
        return False
    if held := _people_made():
        raise Refused(
            f"An earlier restore was broken off. The schema {ASIDE} holds what was there before it, and "
            f"{held}. Keep one of them. The old: DROP SCHEMA public CASCADE; ALTER SCHEMA {ASIDE} RENAME TO "
            f"public; the new: DROP SCHEMA {ASIDE} CASCADE; then run this again."
        )
    _put_back()
    return True


def _put_back() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
        cursor.execute(f"ALTER SCHEMA {ASIDE} RENAME TO public")


def has_another_key(manifest: Manifest) -> bool:
    """Whether what the backup holds encrypted cannot be read here."""
    here = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return manifest.key not in {fingerprint_of(key) for key in here}


def _check_code(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := sorted(set(manifest.migrations) - known):
        raise Refused(
            f"This backup is of version {manifest.smartops}, whose tables this code does not know "
            f"({newer[0]}). Restore it with that version, then update."
        )


def _check_empty(*, replace: bool) -> None:
    if not replace and (held := _people_made()):
        raise Refused(
            f"{held[0].upper()}{held[1:]}. Restore into an empty one, "
            "or with --replace, which removes all that is there."
        )


def _people_made() -> str:
    """Say what people made in this database; empty when there is nothing."""
    there = set(tables())
    with connection.cursor() as cursor:
        for table in OWN:
            if table not in there:
                continue
            cursor.execute(f"SELECT count(*) FROM public.{table}")
            if count := cursor.fetchone()[0]:
                return f"this database holds {count} rows of {table}"
    return ""


def _check_alone(*, connected: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND backend_type = 'client backend'"""
        )
        if (others := cursor.fetchone()[0]) and not connected:
            raise Refused(
                f"{number_of(others, 'other connection goes', 'other connections go')} to this database: "
                "stop web, workers and beat first. "
                "If it is only a pooler, use --connected."
            )


def _feed(dump: IO[bytes]) -> None:
    """Let pg_restore read the dump from us, so that no second copy of it is needed."""
    major = server_version()[0]
    command = [
        str(tool("pg_restore", server=major)),
        *("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"),
        *("--schema=public", f"--dbname={connection.settings_dict['NAME']}"),
    ]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=errors, stderr=errors
        ) as process,
    ):
        assert process.stdin
        try:
            while piece := dump.read(PIECE):
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended and says why
        except BadZipFile as problem:
            process.kill()
            raise Refused(f"The backup is damaged ({problem}).") from None
        if process.wait():
            errors.seek(0)
            raise Refused(f"pg_restore failed: {errors.read().decode(errors='replace').strip()}")


def _compare(manifest: Manifest) -> None:
    found = count_rows()
    wrong = [
        f"{table}: {found.get(table, 0)} of {count}"
        for table, count in manifest.rows.items()
        if found.get(table) != count
    ]
    if wrong or set(found) != set(manifest.rows):
        raise Refused(f"Not everything came back ({', '.join(wrong[:5]) or 'other tables'}).")
