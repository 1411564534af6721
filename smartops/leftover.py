"""Where a restore sets the old tables aside, and whether one was killed before its end."""

from typing import Final

from django.db import connection

#: The schema in which the old tables wait until the new ones have been counted.
ASIDE: Final = "before_restore"


def is_broken_off() -> bool:
    """Whether a restore was killed before its end: the schema `ASIDE` holds what was there before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [ASIDE])
        return cursor.fetchone() is not None
