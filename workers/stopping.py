"""Whether this worker is being stopped. Its main process gets the signal and tells those of its pool."""

import mmap
import struct
import time
from typing import Any, Final

from celery.signals import worker_shutting_down

#: Memory that all share that are forked from here: when it was asked to stop, on the clock that they share, too.
_ASKED: Final = mmap.mmap(-1, 8)


@worker_shutting_down.connect
def ask(**_: Any) -> None:
    """In the main process, inside its signal handler."""
    if not stopping_for():
        struct.pack_into("d", _ASKED, 0, time.monotonic())


def forget() -> None:
    """Go on as if nobody had asked."""
    struct.pack_into("d", _ASKED, 0, 0.0)


def stopping_for() -> float:
    """Seconds since this worker was asked to stop; 0 when nobody has."""
    asked: float = struct.unpack_from("d", _ASKED)[0]
    return time.monotonic() - asked if asked else 0.0
