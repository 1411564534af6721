"""When the model may be asked: breaker, calls at once, tokens a minute. Pure: times are seconds from now."""

from dataclasses import dataclass
from typing import Final

#: Failures in a row after which nobody asks but a probe.
BREAK_AFTER: Final = 5
#: Seconds until the next probe: 30, 60, 120 … at most ten minutes, so that it is soon seen to be back.
FIRST_REST: Final = 30.0
LONGEST_REST: Final = 600.0
#: Nobody may keep us waiting longer than this by Retry-After.
LONGEST_RETRY_AFTER: Final = 3600.0
#: Tokens that a call is taken to cost until its answer says what it did.
RESERVED: Final = 2_000


@dataclass(frozen=True)
class Gate:
    """What all workers know of the model."""

    failures: int = 0  # in a row
    closed_for: float = 0.0  # seconds from now; 0 or less: open
    allowance: float = 0.0  # tokens, now

    @property
    def probing(self) -> bool:
        """The next call is a probe: nobody else asks until it has ended."""
        return self.failures >= BREAK_AFTER


def wait(gate: Gate, *, running: int, most: int, per_minute: int) -> float:
    """Return for how many seconds nobody may ask; 0: now. `per_minute`: tokens, 0 without limit."""
    if gate.closed_for > 0:
        return gate.closed_for
    if running >= most:
        return 1.0  # whoever ends a call takes the next one
    if per_minute and gate.allowance <= 0:
        return max(1.0, (1 - gate.allowance) * 60 / per_minute)
    return 0.0


def refilled(allowance: float | None, elapsed: float, per_minute: int) -> float:
    """Return the bucket after `elapsed` seconds: never more than a minute's worth; full when it is new."""
    if allowance is None:
        return float(per_minute)
    return min(float(per_minute), allowance + per_minute * max(elapsed, 0.0) / 60)


def rest_after(failures: int, *, retry_after: float | None, certain: bool) -> float:
    """Return for how many seconds the gate closes after the last of `failures` in a row; 0: it stays open.

    `certain`: the failure is not the call's but the endpoint's, so that others would fail too.
    """
    if retry_after is not None:
        return min(max(retry_after, 1.0), LONGEST_RETRY_AFTER)
    if not certain and failures < BREAK_AFTER:
        return 0.0
    return float(min(FIRST_REST * 2.0 ** min(max(failures - BREAK_AFTER, 0), 16), LONGEST_REST))
