"""Streams: what is sent while it is read, and how many of them may run at once.

A stream holds a thread of the web process for as long as its reader takes, and, but for a file that is there
already, a snapshot of the database.
"""

import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings

from analytics.services.copying import Block

MOST_OF_ONE: Final = 2
MOST_SECONDS: Final = 3600.0


class TooManyStreams(Exception):
    """The message says whose."""


class _Running:
    """The streams of this process by their asker."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a forgotten stream may be collected while this is held
        self._count: Counter[int] = Counter()

    def begin(self, who: int) -> None:
        """:raises TooManyStreams: one more would be too many."""
        with self._lock:
            if self._count[who] >= MOST_OF_ONE:
                raise TooManyStreams(
                    f"{MOST_OF_ONE} of your exports are being sent: wait for the end of one of them."
                )
            if self._count.total() >= max(1, settings.WEB_THREADS // 2):
                raise TooManyStreams("Too many exports are being sent just now. Try again.")
            self._count[who] += 1

    def end(self, who: int) -> None:
        with self._lock:
            self._count[who] -= 1
            if not self._count[who]:
                del self._count[who]


RUNNING: Final = _Running()


class Stream:
    """Blocks as they come, of which the first is there already: what is wrong with the query shows before
    anything is sent. Whoever closes it early ends the query; one that is forgotten gives its place back, too."""

    def __init__(self, blocks: Iterator[Block], *, who: int) -> None:
        """:raises TooManyStreams: see `RUNNING`."""
        RUNNING.begin(who)
        self._give_back = weakref.finalize(self, RUNNING.end, who)
        self._blocks: Any = blocks
        self._end = time.monotonic() + MOST_SECONDS
        try:
            self._first: bytes | None = next(blocks, Block(b"", 0)).data
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if time.monotonic() > self._end:
            raise TimeoutError(f"A stream may last {MOST_SECONDS / 3600:g} hours.")
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            data: bytes = next(self._blocks).data
        except StopIteration:
            self.close()
            raise
        return data

    def close(self) -> None:
        self._blocks.close()
        self._give_back()  # once, however often this is called
