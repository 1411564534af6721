"""Moving open clocks to other targets."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sla.promises import Policies


class Move(NamedTuple):
    """A deadline that would move. None: there is none before, or after."""

    ticket_id: int
    metric: str
    old_due: datetime | None
    new_due: datetime | None


def preview_moves(*, policies: Policies) -> Iterator[Move]:
    """How the deadlines of open tickets would move if `policies` held. Writes nothing."""
    yield from ()


def move_open_clocks(*, policies: Policies, actor: str, now: datetime) -> int:
    """Move the clocks of open tickets to what `policies` say; return how many tickets' deadlines moved."""
    return 0
