"""The figures of a period as people read them: a number, what it was before, and whether that is good. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from analytics.rates import change
from analytics.reading import count, lasting, percent

#: A change of fewer percent is no news.
STEADY: Final = 1.0


@dataclass(frozen=True)
class Figure:
    """`tone`: good, bad or calm; `change` in percent, None when there was nothing to compare with."""

    label: str
    text: str
    hint: str
    change: float | None = None
    tone: str = "calm"

    @property
    def trend(self) -> str:
        if self.change is None:
            return ""
        arrow = "→" if abs(self.change) < STEADY else "↑" if self.change > 0 else "↓"
        return f"{arrow} {abs(self.change):.0f} %"


#: (label, where it stands, how it reads, more of it is good, what it says).
_READ: Final[
    tuple[tuple[str, tuple[str, ...], Callable[[float | None], str], bool | None, str], ...]
] = (
    ("Created", ("created",), count, None, "Tickets opened"),
    ("Resolved", ("resolved",), count, True, "Times that a ticket was resolved"),
    (
        "Promises kept",
        ("sla", "total", "attainment"),
        percent,
        True,
        "Of all deadlines met or missed",
    ),
    ("Deadlines missed", ("breached",), count, False, "First response, next update, resolution"),
    ("First response", ("first_response", "wall", "median"), lasting, False, "Median, wall time"),
    ("Resolution", ("resolution", "wall", "median"), lasting, False, "Median, wall time"),
    (
        "Resolution, 9 of 10",
        ("resolution", "wall", "p90"),
        lasting,
        False,
        "90 % were quicker, wall time",
    ),
    (
        "In business hours",
        ("resolution", "business", "median"),
        lasting,
        False,
        "Median resolution",
    ),
    ("Reopened", ("reopen_rate",), percent, False, "Of the resolved ones"),
    ("Overridden", ("override_rate",), percent, False, "Of triage's answers that people looked at"),
    ("Confidence", ("average_confidence",), percent, None, "Average of triage's decisions"),
    ("Triage took", ("triage_latency", "median"), lasting, False, "Median"),
)
#: The columns of the table by department, group, agent or priority.
COLUMNS: Final = (
    "Created",
    "Resolved",
    "Promises kept",
    "Deadlines missed",
    "First response",
    "Resolution",
    "Reopened",
)


def figures(current: Mapping[str, Any], previous: Mapping[str, Any]) -> list[Figure]:
    """Everything of a period beside the one before, in the order in which a manager asks."""
    return [
        _figure(label, _at(current, path), _at(previous, path), read, good, hint)
        for label, path, read, good, hint in _READ
    ]


def table(parts: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each part, the one with the most tickets first."""
    rows = []
    for part in parts:
        found = {one.label: one for one in figures(part["current"], part["previous"])}
        rows.append(
            {
                "name": part["name"],
                "figures": [found[label] for label in COLUMNS],
                "size": part["current"]["created"],
            }
        )
    return sorted(rows, key=lambda row: (-row["size"], row["name"]))


def _figure(
    label: str,
    value: float | None,
    before: float | None,
    read: Callable[[float | None], str],
    good: bool | None,
    hint: str,
) -> Figure:
    moved = change(value, before)
    tone = "calm"
    if good is not None and moved is not None and abs(moved) >= STEADY:
        tone = "good" if (moved > 0) is good else "bad"
    return Figure(label, read(value), hint, moved, tone)


def _at(figures: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    found: Any = figures
    for name in path:
        found = found[name]
    return found  # type: ignore[no-any-return]
