"""What time it is: the one place that asks. Real time, unless this process plays a game day.

A game day's clock stands until it is moved, and all its processes share it (ADR 0023). Leases, sweeps and
deliveries never ask here: they measure processes and other systems, by the database's own clock.
"""

import mmap
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import connection
from django.utils import timezone

VARIABLE: Final = "GAMEDAY_CLOCK"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Microseconds since 1970, in the machine's own order of bytes: written at once.
_LAYOUT: Final = struct.Struct("q")


class SharedClock:
    """A moment in a file that processes of one machine map into memory: one moves it, all read it."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    @classmethod
    def create(cls, path: Path, at: datetime) -> "SharedClock":
        path.write_bytes(_LAYOUT.pack((at - _EPOCH) // _MICROSECOND))
        return cls(path)

    def read(self) -> datetime:
        microseconds: int = _LAYOUT.unpack_from(self._memory)[0]
        return _EPOCH + microseconds * _MICROSECOND

    def move(self, to: datetime) -> None:
        """:raises ValueError: `to` lies in the past."""
        if to < self.read():
            raise ValueError(f"The clock stands at {self.read()}: it cannot go back to {to}.")
        _LAYOUT.pack_into(self._memory, 0, (to - _EPOCH) // _MICROSECOND)


_played: Final = SharedClock(Path(os.environ[VARIABLE])) if VARIABLE in os.environ else None


def present() -> datetime:
    return timezone.now() if _played is None else _played.read()


def sql_present() -> str:
    """The same as an SQL expression. Real time is the database's, so that workers with wrong clocks agree."""
    return "now()" if _played is None else f"timestamptz '{_played.read().isoformat()}'"


def agreed() -> datetime:
    """The same, asked of the database: for deadlines that processes of several machines keep together."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql_present()}")
        now: datetime = cursor.fetchone()[0]
        return now
