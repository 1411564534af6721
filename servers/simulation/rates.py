"""How often what happens to servers of a role: the numbers of the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from servers.lifecycle import State

#: State -> each state that follows by itself, with its rate per second.
Rates = Mapping[State, tuple[tuple[State, float], ...]]


@dataclass(frozen=True)
class Character:
    """Mean times of a role at intensity 1."""

    fails_after_hours: float
    degrades_after_hours: float
    repair_minutes: float
    boot_seconds: float
    #: Chance that a dependent suffers when a server of this role fails.
    cascades: float


CHARACTERS: Final = {
    "web": Character(60, 20, 15, 30, cascades=0.05),
    "api": Character(60, 16, 15, 45, cascades=0.3),
    "database": Character(160, 30, 40, 120, cascades=0.5),
    "cache": Character(120, 48, 10, 20, cascades=0.15),
    "queue": Character(120, 48, 15, 40, cascades=0.2),
    "worker": Character(40, 24, 15, 30, cascades=0.05),
    "storage": Character(240, 48, 60, 180, cascades=0.4),
    "network": Character(300, 96, 30, 60, cascades=0.6),
    "other": Character(80, 36, 20, 45, cascades=0.05),
}
DEGRADED_MINUTES: Final = 10.0
DEGRADED_FAILS: Final = 0.05  # of those that degrade
BOOT_FAILS: Final = 0.02  # of those that boot, at intensity 1

FLAPPING_DAYS: Final = 0.002  # of a server's days: on these it flaps
FLAPPING_UP_MINUTES: Final = 6.0
FLAPPING_DOWN_MINUTES: Final = 3.0
#: A flapping server's whole day, whatever its role.
FLAPPING: Final[Rates] = {
    State.BOOTING: ((State.RUNNING, 1 / 30),),
    State.RUNNING: ((State.FAILED, 1 / (60 * FLAPPING_UP_MINUTES)),),
    State.DEGRADED: ((State.FAILED, 1 / (60 * FLAPPING_UP_MINUTES)),),
    State.FAILED: ((State.RUNNING, 1 / (60 * FLAPPING_DOWN_MINUTES)),),
}


@lru_cache(maxsize=100)
def rates(role: str, intensity: float) -> Rates:
    """Return the rates of `role`. What breaks does so `intensity` times as often; repairs take as long as ever."""
    one = CHARACTERS[role]
    boot, repair = 1 / one.boot_seconds, 1 / (60 * one.repair_minutes)
    better = 1 / (60 * DEGRADED_MINUTES)
    return {
        State.BOOTING: (
            (State.RUNNING, boot * (1 - BOOT_FAILS)),
            (State.FAILED, boot * BOOT_FAILS * intensity),
        ),
        State.RUNNING: (
            (State.DEGRADED, intensity / (3600 * one.degrades_after_hours)),
            (State.FAILED, intensity / (3600 * one.fails_after_hours)),
        ),
        State.DEGRADED: (
            (State.RUNNING, better * (1 - DEGRADED_FAILS)),
            (State.FAILED, better * DEGRADED_FAILS * intensity),
        ),
        State.FAILED: ((State.BOOTING, repair),),
    }


#: Why, in words, by the state that a server gets into by itself.
REASONS: Final[Mapping[State, tuple[str, ...]]] = {
    State.BOOTING: ("restarted after repair",),
    State.RUNNING: ("all checks pass",),
    State.DEGRADED: (
        "answers slowly",
        "memory nearly full",
        "many errors in its log",
        "packet loss on its network card",
    ),
    State.FAILED: (
        "does not answer",
        "out of memory",
        "kernel panic",
        "disk full",
        "power supply failed",
        "process crashed",
    ),
}
