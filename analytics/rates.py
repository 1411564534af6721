"""Figures made of counts: rates and averages, all in percent. Pure."""

from collections.abc import Mapping
from typing import Any, Final

METRICS: Final = ("first_response", "next_update", "resolution")
#: Counts that are shown as they are.
SHOWN: Final = ("created", "resolved", "cancelled", "reopened")


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def change(value: float | None, previous: float | None) -> float | None:
    """How much more than before, in percent; None when there was nothing before."""
    if value is None or not previous:
        return None
    return round(100 * (value - previous) / previous, 2)


def compared(value: float | None, previous: float | None) -> dict[str, float | None]:
    return {"value": value, "previous": previous, "change": change(value, previous)}


def breached(counts: Mapping[str, int]) -> int:
    return sum(counts[f"breached_{metric}"] for metric in METRICS)


def attainment(counts: Mapping[str, int]) -> dict[str, Any]:
    """Of the promises that were kept or missed, how many were kept: per metric and altogether."""
    numbers = {name: (counts[f"met_{name}"], counts[f"breached_{name}"]) for name in METRICS}
    numbers["total"] = (sum(m for m, _ in numbers.values()), sum(b for _, b in numbers.values()))
    return {
        name: {"met": met, "breached": missed, "attainment": percent(met, met + missed)}
        for name, (met, missed) in numbers.items()
    }


def rates(counts: Mapping[str, int]) -> dict[str, Any]:
    """Everything of a period that is made of counts."""
    looked_at = counts["agreed"] + counts["corrected"]
    confident = counts["confident"]
    return {
        **{name: counts[name] for name in SHOWN},
        "breached": breached(counts),
        "sla": attainment(counts),
        "resolution_rate": percent(counts["created_resolved"], counts["created"]),
        "reopen_rate": percent(counts["resolved_reopened"], counts["resolved"]),
        "override_rate": percent(counts["corrected"], looked_at),
        "corrected": counts["corrected"],
        "agreed": counts["agreed"],
        "average_confidence": round(counts["confidence"] / confident / 10_000, 2)
        if confident
        else None,
    }


def net(counts: Mapping[str, int]) -> int:
    """By how much the backlog grew."""
    return counts["created"] + counts["reopened"] - counts["resolved"] - counts["cancelled"]
