"""How far an export is: told, and its lease kept, once a second from a thread of its own."""

import threading
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from django.db import InterfaceError, OperationalError, connection

from analytics.models import Export
from workers import leases
from workers.keeping import let_go
from workers.leases import Claim

TICK_SECONDS: Final = 1.0


class Stopped(Exception):
    """The export was cancelled, removed or given back, or somebody else has it."""


class Progress:
    """While the block runs, its row says how far it is and stays ours, or it is told to stop."""

    def __init__(self, export: Export, held: Claim, lease: timedelta) -> None:
        self.export, self.held, self.lease = export, held, lease
        self.rows = 0
        self.total: int | None = None
        self._lost = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="export", daemon=True)

    def tell(self, rows: int) -> None:
        self.rows = rows

    def may_go_on(self) -> None:
        """:raises Stopped: there is no sense in it."""
        if self._lost.is_set():
            raise Stopped

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            while not self._over.wait(TICK_SECONDS):
                try:
                    if not self._note():
                        self._lost.set()
                        return
                except (OperationalError, InterfaceError):
                    connection.close()  # a database that comes back in time finds the lease alive
        finally:
            connection.close()

    def _note(self) -> bool:
        if let_go(Export, self.held):
            return False
        if not leases.renew(Export, self.held, lease=self.lease):
            return False
        mine = Export.objects.filter(pk=self.export.pk, lease_token=self.held.token)
        return bool(mine.update(rows=self.rows, total=self.total))
