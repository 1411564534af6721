"""Reading priorities, impacts and urgencies as other systems write them."""

import re
from typing import Any, Final

PRIORITY_WORDS: Final = {
    **dict.fromkeys(("critical", "urgent", "highest", "blocker"), 1),
    **dict.fromkeys(("high", "major"), 2),
    **dict.fromkeys(("medium", "normal", "moderate"), 3),
    **dict.fromkeys(("low", "lowest", "minor", "trivial"), 4),
}
LEVEL_WORDS: Final = {
    **dict.fromkeys(("high", "critical", "urgent"), 1),
    **dict.fromkeys(("medium", "normal", "moderate"), 2),
    **dict.fromkeys(("low", "minor"), 3),
}
_NUMBERED: Final = re.compile(r"[pP]?\s*(\d)\s*(?:-.*)?")


def parse_priority(value: Any) -> int:
    """Return 1 (critical) to 4 (low) for 1-4, P1-P4, a word such as `high`, or `2 - High`.

    :raises ValueError: naming what would be right.
    """
    return _parse(
        value, PRIORITY_WORDS, 4, "a priority. Use 1-4, P1-P4, or critical, high, medium, low"
    )


def parse_level(value: Any) -> int:
    """Return 1 (high) to 3 (low) for an impact or urgency: 1-3, high, medium, low, or `2 - Medium`.

    :raises ValueError: naming what would be right.
    """
    return _parse(value, LEVEL_WORDS, 3, "a level. Use 1-3, or high, medium, low")


def _parse(value: Any, words: dict[str, int], most: int, right: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not {right}.")
    text = str(value).strip()
    if text.casefold() in words:
        return words[text.casefold()]
    numbered = _NUMBERED.fullmatch(text)
    if numbered and 1 <= int(numbered[1]) <= most:
        return int(numbered[1])
    raise ValueError(f"{text[:40]!r} is not {right}.")
