"""What heartbeats and checks say about a server, and the state that follows: the worst of what still counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from servers.lifecycle import MOVES, State

_BADNESS: Final = (State.RUNNING, State.DEGRADED, State.BOOTING, State.FAILED)


@dataclass(frozen=True)
class Signal:
    """What one heartbeat or check says, `at` its last word. `cause` is which of the two."""

    cause: str
    state: State
    at: datetime
    reason: str


@dataclass(frozen=True)
class Standing:
    """Where a check stands: its verdict, and how often its last outcome came in a row."""

    verdict: State | None = None
    outcome: State | None = None
    streak: int = 0


def still_counts(verdict: State | None, at: datetime, *, state: State, since: datetime) -> bool:
    """Whether what was said `at` holds for a server that is `state` since `since`.

    A server that was started since then, or brought back by a person, begins anew: only what is said from then on
    counts against it. Nothing that was said before it booted counts for it.
    """
    if at >= since:
        return True
    if state is State.BOOTING:
        return False
    return verdict is None or _BADNESS.index(verdict) <= _BADNESS.index(state)


def advance(standing: Standing, outcome: State, *, bad: int, good: int) -> Standing:
    """Add a look's outcome. It becomes the verdict after `bad` times in a row, one that is well after `good`."""
    streak = standing.streak + 1 if outcome is standing.outcome else 1
    needed = good if outcome is State.RUNNING else bad
    verdict = outcome if streak >= needed else standing.verdict
    return Standing(verdict, outcome, streak)


def worst(signals: Sequence[Signal], *, trigger: str) -> Signal | None:
    """Return the worst signal; among equals one of the cause that made us look."""
    return max(signals, key=lambda s: (_BADNESS.index(s.state), s.cause == trigger), default=None)


def way(state: State, wanted: State) -> list[State]:
    """The moves from `state` to `wanted`: a server is degraded by way of running."""
    if state is wanted:
        return []
    return [wanted] if wanted in MOVES[state] else [State.RUNNING, wanted]
