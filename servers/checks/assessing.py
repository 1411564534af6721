"""What a look at a target means: well, degraded, or failed, and why."""

from dataclasses import dataclass

from servers.lifecycle import State


@dataclass(frozen=True)
class Seen:
    """What there was. `error` says in words why nothing was."""

    milliseconds: int | None = (
        None  # from the first packet to the answer, without the look-up of the name
    )
    status: int | None = None
    tls_days: int | None = None
    error: str = ""


@dataclass(frozen=True)
class Limits:
    status_min: int
    status_max: int
    max_milliseconds: int | None
    min_tls_days: int


def assess(seen: Seen, limits: Limits) -> tuple[State, str]:
    """Return the outcome, and the reason when it is not well."""
    if seen.error:
        return State.FAILED, seen.error
    if seen.status is not None and not limits.status_min <= seen.status <= limits.status_max:
        expected = f"{limits.status_min}–{limits.status_max}"
        return State.FAILED, f"answered {seen.status}, expected {expected}"
    reasons = []
    if seen.tls_days is not None and seen.tls_days < limits.min_tls_days:
        reasons.append(f"the certificate ends in {seen.tls_days} days")
    slow = limits.max_milliseconds
    if slow is not None and seen.milliseconds is not None and seen.milliseconds > slow:
        reasons.append(f"answered in {seen.milliseconds:,} ms, limit {slow:,} ms")
    return (State.DEGRADED, " and ".join(reasons)) if reasons else (State.RUNNING, "")
