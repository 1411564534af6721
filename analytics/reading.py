"""How figures read, on pages and in mails alike. Pure."""

from typing import Final

NOTHING: Final = "–"
#: From so many on a change is told in percent, too.
PERCENT_FROM: Final = 10


def count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """`value` is in percent."""
    return NOTHING if value is None else f"{value:.1f} %"


def lasting(seconds: float | None) -> str:
    """A time in the two units that matter, as people say it: 45 s, 9 min 5 s, 12 min, 3 h 20 min, 2 d 4 h."""
    if seconds is None:
        return NOTHING
    if round(seconds, 3) < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return _two(days, "d", hours, "h")
    if hours:
        return _two(hours, "h", minutes, "min")
    return _two(minutes, "min", rest if minutes < 10 else 0, "s") if minutes else f"{rest} s"


def _two(large: int, its: str, small: int, unit: str) -> str:
    return f"{large} {its} {small} {unit}" if small else f"{large} {its}"


def counted_change(now: int, before: int) -> str:
    """By how much a count has changed."""
    change = f"{now - before:+,}"
    return (
        f"{change} ({100 * (now - before) / before:+.0f} %)" if before >= PERCENT_FROM else change
    )


def points_change(now: float | None, before: float | None) -> str:
    """By how much a share in percent has changed; empty when there is nothing to compare."""
    return "" if now is None or before is None else f"{now - before:+.1f} points"
