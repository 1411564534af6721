"""How ages and choices are written where there is little room."""

from typing import Any


def short_age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "now"


def short_label(choice: Any) -> str:
    """A choice's label without what explains it: "none: nothing is promised" -> "None"."""
    word = str(choice.label).partition(":")[0]
    return word[0].upper() + word[1:]
