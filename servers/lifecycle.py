"""The states of a server and the moves between them, as data."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    BOOTING = "booting"
    RUNNING = "running"
    DEGRADED = "degraded"
    FAILED = "failed"
    STOPPED = "stopped"


MOVES: Final[dict[State, tuple[State, ...]]] = {
    State.STOPPED: (State.BOOTING,),
    State.BOOTING: (State.RUNNING, State.FAILED, State.STOPPED),
    State.RUNNING: (State.DEGRADED, State.FAILED, State.BOOTING, State.STOPPED),
    State.DEGRADED: (State.RUNNING, State.FAILED, State.BOOTING, State.STOPPED),
    State.FAILED: (State.BOOTING, State.RUNNING, State.STOPPED),
}
#: What opens an incident, and what begins its end.
BROKEN: Final = frozenset({State.FAILED})
WELL: Final = frozenset({State.RUNNING, State.DEGRADED, State.STOPPED})


class Action(StrEnum):
    """What a person does to a server."""

    START = "start"
    STOP = "stop"
    FAIL = "fail"
    RECOVER = "recover"


@dataclass(frozen=True)
class Way:
    sources: frozenset[State]
    to: State


#: Narrower than the moves: a person does not start what runs.
ACTIONS: Final = {
    Action.START: Way(frozenset({State.STOPPED, State.FAILED}), State.BOOTING),
    Action.STOP: Way(frozenset(State) - {State.STOPPED}, State.STOPPED),
    Action.FAIL: Way(frozenset({State.BOOTING, State.RUNNING, State.DEGRADED}), State.FAILED),
    Action.RECOVER: Way(frozenset({State.FAILED, State.DEGRADED}), State.RUNNING),
}
