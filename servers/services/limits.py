"""How much an integration may send, and who hears of it when it sends more."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from servers.models import Integration
from tickets.intake import TicketIn
from tickets.services import open_tickets
from workers.counting import Tally

WINDOW: Final = 60  # seconds
#: Without a refused request for so long, the next one is news again.
EPISODE: Final = timedelta(minutes=15)


class Allowance:
    """Counts requests in fixed minutes, for all web processes together."""

    def __init__(self) -> None:
        self._tally = Tally("intake")

    def take(self, asked: Sequence[tuple[int, int]], *, now: datetime) -> list[bool]:
        """Return for each (integration, its rate per minute) whether it may be sent: one round trip for all."""
        amounts = Counter(integration for integration, _ in asked)
        minute = int(now.timestamp() // WINDOW)
        totals = self._tally.add(amounts, window=minute, seconds=WINDOW)
        if totals is None:
            return [True] * len(asked)
        used = {
            integration: total - amount
            for (integration, amount), total in zip(amounts.items(), totals, strict=True)
        }
        allowed = []
        for integration, rate in asked:
            used[integration] += 1
            allowed.append(used[integration] <= rate)
        return allowed


def seconds_left(now: datetime) -> int:
    """Until the next minute begins, in which there is a new allowance."""
    return WINDOW - int(now.timestamp()) % WINDOW


@transaction.atomic
def note_limited(*, integration: int, sender: str, now: datetime) -> int | None:
    """Remember that requests of `integration` were refused. The first of an episode opens a ticket for its owner.

    Returns that ticket's id, or None. `sender`: the address that it came from.
    """
    rows = Integration.objects.select_for_update().filter(pk=integration)
    row = rows.first()
    if row is None:
        return None
    before = row.limited_at
    rows.update(limited_at=now)
    if before is not None and now - before < EPISODE:
        return None
    given = {
        "source": "servers",
        "title": f"{row.name} sends more than it may"[:255],
        "description": (
            f"The integration {row.name} ({row.get_source_display()}) sent more than"
            f" {row.rate_per_minute} requests in the minute from {now:%Y-%m-%d %H:%M} UTC; those above are"
            f" answered with 429 and are not kept. The last came from {sender}.\n\n"
            "Let it send less often or in groups, or raise its rate per minute. As long as it goes on, and for"
            f" {EPISODE.total_seconds() // 60:.0f} minutes after, no other ticket is opened for it."
        ),
    }
    # The owner may have left: an inactive assignee would refuse the ticket.
    if row.owner is not None and row.owner.is_active:
        given["assignee"] = row.owner.get_username()
    item = TicketIn.model_validate(given, context={"now": now})
    [outcome] = open_tickets(items=[item], actor="intake", now=now)
    return outcome.ticket.pk if outcome.ticket else None
