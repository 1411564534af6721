"""Who sends: an integration by its key, remembered for a few seconds."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from django.db import close_old_connections
from django.utils import timezone

from servers.keys import digest
from servers.models import Integration
from servers.services.integrations import find_by_key
from workers import tracing
from workers.encryption import decrypt

#: A key that was revoked opens other web processes for so long.
REMEMBERED_SECONDS: Final = 5.0
_MOST: Final = 10_000


@dataclass(frozen=True)
class Known:
    """What intake needs of an integration."""

    id: int
    name: str
    source: str
    enabled: bool
    rate: int
    secret: str

    @classmethod
    def of(cls, row: Integration) -> "Known":
        """:raises Unreadable: its secret was encrypted with another SECRET_KEY."""
        secret = decrypt(row.encrypted_secret)
        return cls(row.pk, row.name, row.source, row.enabled, row.rate_per_minute, secret)


class Keys:
    def __init__(self) -> None:
        self._known: dict[str, tuple[float, asyncio.Task[Known | None]]] = {}
        # One: strangers who guess keys must not take more of the database.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="intake-keys")

    async def find(self, key: str) -> Known | None:
        """Return whose key it is; None: nobody's. Requests that ask at the same time ask once.

        :raises DatabaseError: it could not be looked up.
        :raises Unreadable: see `Known.of`.
        """
        hashed = digest(key)
        until, task = self._known.get(hashed, (0.0, None))
        if task is None or until < time.monotonic() or _failed(task):
            if len(self._known) >= _MOST:
                self._known.clear()
            task = asyncio.create_task(self._look_up(hashed))
            self._known[hashed] = (time.monotonic() + REMEMBERED_SECONDS, task)
        return await asyncio.shield(task)

    async def _look_up(self, hashed: str) -> Known | None:
        def ask() -> Known | None:
            with tracing.quiet():
                close_old_connections()
                row = find_by_key(hashed, timezone.now())
            return Known.of(row) if row else None

        return await asyncio.get_running_loop().run_in_executor(self._reader, ask)


def _failed(task: asyncio.Task[Known | None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
