"""Which ticket a person should look at first: the least certain of those whose deadline presses most. Pure.

    rank = 1,000,000 × uncertainty × time × priority

- uncertainty: 1 − the confidence of triage, at least 0.02, for a sure one needs a look, too; 1 without any.
- time: 4 from the deadline on and while a deadline is missed; before, 1 + 3 ÷ (1 + hours left): 2.5 one hour
  before it, 1.6 at four, 1.1 a day before. At least 3 once the warning was due. 1 where nothing is promised.
- priority: P1 2, P2 1.5, P3 1.2, P4 or none 1.

`tickets.querysets.TicketQuerySet.by_need_of_review` says the same in SQL; a test holds the two together.
"""

from datetime import datetime
from typing import Final

LEAST_UNCERTAINTY: Final = 0.02
OVERDUE: Final = 4.0
WARNED: Final = 3.0
PRIORITY_WEIGHTS: Final = {1: 2.0, 2: 1.5, 3: 1.2}
SCALE: Final = 1_000_000


def review_rank(
    *,
    confidence: float | None,
    priority: int | None,
    due_at: datetime | None,
    warn_at: datetime | None,
    breached: bool,
    now: datetime,
) -> int:
    """How much a ticket needs a person's look; the highest comes first."""
    uncertainty = max(LEAST_UNCERTAINTY, 1 - (confidence or 0.0))
    pressure = _pressure(due_at, warn_at, breached, now)
    return round(SCALE * uncertainty * pressure * PRIORITY_WEIGHTS.get(priority or 0, 1.0))


def _pressure(
    due_at: datetime | None, warn_at: datetime | None, breached: bool, now: datetime
) -> float:
    if breached or (due_at is not None and due_at <= now):
        return OVERDUE
    if due_at is None:
        return 1.0
    hours = (due_at - now).total_seconds() / 3600
    pressure = 1 + (OVERDUE - 1) / (1 + hours)
    return max(pressure, WARNED) if warn_at is not None and warn_at <= now else pressure
