"""Lengths of time as people write them: `30` (minutes), `45s`, `90m`, `4h`, `1d 12h`."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
#: Whole words only: the m of `months` is no minute.
_PART: Final = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(d)(?:ays?)?|(h)(?:rs?|ours?)?|(m)(?:ins?|inutes?)?|(s)(?:ecs?|econds?)?)(?![a-z])\s*",
    re.IGNORECASE,
)
LONGEST: Final = timedelta(days=366)


def parse_duration(value: Any) -> timedelta:
    """Return a positive length of time in whole seconds. A bare number is minutes; `d` is 24 hours.

    :raises ValueError: naming what would be right.
    """
    shown = repr(value)[:60]
    wrong = f"{shown} is not a length of time. Use minutes (30), or 45s, 90m, 4h, 1d 12h."
    if isinstance(value, timedelta):
        length = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        length = timedelta(minutes=value) if abs(value) < 10_000_000 else timedelta.max
    elif isinstance(value, str) and value.strip():
        text = value.strip()
        if re.fullmatch(r"\d{1,7}(?:\.\d{1,3})?", text):
            return parse_duration(float(text))
        parts = list(_PART.finditer(text))
        if "".join(part[0] for part in parts) != text or len(text) > 40:
            raise ValueError(wrong)
        seconds = sum(float(part[1]) * _UNITS[part[part.lastindex or 1].lower()] for part in parts)
        length = timedelta(seconds=min(seconds, 1e10))
    else:
        raise ValueError(wrong)
    if length <= LONGEST:
        length = timedelta(seconds=round(length.total_seconds()))
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f"{shown} must be at least a second and at most a year.")
    return length


@lru_cache(maxsize=4096)
def show_duration(length: timedelta) -> str:
    """Return `length` as `parse_duration` reads it, whole seconds: `4h`, `1h 30m`, `45s`; `0m` for nothing.

    Days are written as hours, because a day of business time is not 24 hours.
    """
    seconds = round(abs(length).total_seconds())
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n]
    return ("-" if length < timedelta(0) and parts else "") + (" ".join(parts) or "0m")
