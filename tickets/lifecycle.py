"""The life of a ticket: its statuses, what each means to a clock, and the moves between them."""

from collections.abc import Mapping
from typing import Final

from django.db.models import TextChoices


class Status(TextChoices):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Category(TextChoices):
    """What a status means to whoever measures time."""

    OPEN = "open"
    PAUSED = "paused"
    RESOLVED = "resolved"


CATEGORY: Final[Mapping[Status, Category]] = {
    Status.OPEN: Category.OPEN,
    Status.IN_PROGRESS: Category.OPEN,
    Status.ON_HOLD: Category.PAUSED,
    Status.RESOLVED: Category.RESOLVED,
    Status.CLOSED: Category.RESOLVED,
    Status.CANCELLED: Category.RESOLVED,
}
#: Statuses of tickets that have not ended.
LIVE: Final = tuple(s.value for s in Status if CATEGORY[s] is not Category.RESOLVED)

MOVES: Final[Mapping[Status, tuple[Status, ...]]] = {
    Status.OPEN: (Status.IN_PROGRESS, Status.ON_HOLD, Status.RESOLVED, Status.CANCELLED),
    Status.IN_PROGRESS: (Status.OPEN, Status.ON_HOLD, Status.RESOLVED, Status.CANCELLED),
    Status.ON_HOLD: (Status.OPEN, Status.IN_PROGRESS, Status.RESOLVED, Status.CANCELLED),
    Status.RESOLVED: (Status.OPEN, Status.CLOSED),
    Status.CLOSED: (Status.OPEN,),
    Status.CANCELLED: (Status.OPEN,),
}

#: Words that other systems use for our statuses.
SYNONYMS: Final[Mapping[str, Status]] = {
    "pending": Status.OPEN,
    "new": Status.OPEN,
    "reopened": Status.OPEN,
    "assigned": Status.IN_PROGRESS,
    "active": Status.IN_PROGRESS,
    "waiting": Status.ON_HOLD,
    "paused": Status.ON_HOLD,
    "solved": Status.RESOLVED,
    "fixed": Status.RESOLVED,
    "done": Status.CLOSED,
    "canceled": Status.CANCELLED,
}


def parse_status(word: str) -> Status:
    """Return the status that `word` names: ours or a synonym, in any case, with space, - or _.

    :raises ValueError: it names none; the message lists the right ones.
    """
    plain = word.strip().lower().replace(" ", "_").replace("-", "_")
    if plain in Status.values:
        return Status(plain)
    if plain in SYNONYMS:
        return SYNONYMS[plain]
    raise ValueError(f"{word!r} is not a status. Use one of: {', '.join(Status.values)}.")


def can_move(old: Status, new: Status) -> bool:
    return new in MOVES[old]


def path(old: Status, new: Status) -> tuple[Status, ...]:
    """Return the shortest chain of allowed moves from `old` to `new`, without `old`; () when equal.

    A system that sends its tickets to us may skip steps of ours: open, then closed.
    """
    chains: list[tuple[Status, ...]] = [(old,)]
    for chain in chains:
        if chain[-1] == new:
            return chain[1:]
        chains += [(*chain, step) for step in MOVES[chain[-1]] if step not in chain]
    raise AssertionError(f"every status can reach every other: {old} -> {new}")
