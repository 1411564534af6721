"""How far a batch is, and how long the rest will take. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: The pace is that of the last minute: workers come and go.
WINDOW: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class Progress:
    """A batch's jobs by state; `recent` of them ended within the WINDOW, the latest of all at `ended_at`."""

    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    recent: int = 0
    ended_at: datetime | None = None

    @property
    def written(self) -> int:
        return self.pending + self.running + self.done + self.failed

    def left(self, total: int) -> int:
        """Tickets of `total` that have not ended, those without a job yet among them."""
        return max(total - self.done - self.failed, self.pending + self.running)

    def percent(self, total: int) -> float:
        """0 to 100, and 100 only when nothing is left."""
        left = self.left(total)
        ended = self.done + self.failed
        return min(99.9, round(100 * ended / (ended + left), 1)) if left else 100.0

    def seconds_left(self, total: int, *, started_at: datetime, now: datetime) -> int | None:
        """At the pace of the last minute, rounded up. None: nothing ended within it."""
        left = self.left(total)
        if not left:
            return 0
        if not self.recent:
            return None
        seconds = max(1.0, min(WINDOW, now - started_at).total_seconds())
        return max(1, round(left * seconds / self.recent))
