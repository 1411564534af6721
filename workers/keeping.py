"""Leases of long work: kept while it runs, given back when its worker is being stopped."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from django.db import InterfaceError, OperationalError, connection

from workers.leases import Claim, LeasedWork, hand_back, renew
from workers.stopping import stopping_for

TICK_SECONDS: Final = 1.0
#: What ends sooner after its worker was asked to stop is not begun again. Less than any stack waits.
PATIENCE: Final = 5.0


@contextmanager
def kept(
    model: type[LeasedWork], held: Claim, *, lease: timedelta, gives_back: bool = False
) -> Iterator[None]:
    """Renew the lease while the block runs, however long it takes: from a thread, which dies with its process.

    `gives_back`: when the worker is being stopped, others may begin the work again, with this attempt. The block
    goes on, and can no longer finish it.
    """
    stopped = threading.Event()

    def keep() -> None:
        waited = 0.0
        try:
            while not stopped.wait(TICK_SECONDS):
                waited += TICK_SECONDS
                try:
                    if gives_back and let_go(model, held):
                        return
                    if waited >= lease.total_seconds() / 3:
                        waited = 0.0
                        if not renew(model, held, lease=lease):
                            return
                except (OperationalError, InterfaceError):
                    connection.close()  # a database that comes back in time finds the lease alive
        finally:
            connection.close()

    thread = threading.Thread(target=keep, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def let_go(model: type[LeasedWork], held: Claim) -> bool:
    """Give the rows of `held` back if the worker is being stopped and its patience is over. Returns whether."""
    if stopping_for() < PATIENCE:
        return False
    hand_back(model, held)
    return True
