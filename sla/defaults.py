"""What a new desk starts with: two calendars and the policy that holds when no other does. All can be edited."""

from typing import Any, Final

from sla.configfile import ALWAYS
from sla.document import PolicyDocument

DEFAULT_POLICY: Final = "Default"

CALENDARS: Final[dict[str, dict[str, Any]]] = {
    ALWAYS: {"time_zone": "UTC", "hours": {}},
    "Business hours": {
        "time_zone": "UTC",
        "hours": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    },
}

#: Tier -> priority -> first response, next update, resolution.
_TARGETS: Final[dict[str, dict[str, tuple[str | None, ...]]]] = {
    "gold": {
        "P1": ("15m", "1h", "4h"),
        "P2": ("30m", "2h", "8h"),
        "P3": ("2h", "8h", "24h"),
        "P4": ("4h", "24h", "72h"),
    },
    "silver": {
        "P1": ("30m", "2h", "8h"),
        "P2": ("1h", "4h", "16h"),
        "P3": ("4h", "16h", "48h"),
        "P4": ("8h", None, "96h"),
    },
    "bronze": {
        "P1": ("1h", "4h", "12h"),
        "P2": ("2h", "8h", "24h"),
        "P3": ("8h", None, "72h"),
        "P4": ("16h", None, "120h"),
    },
    "standard": {
        "P1": ("1h", "4h", "16h"),
        "P2": ("4h", "16h", "36h"),
        "P3": ("12h", None, "72h"),
        "P4": ("24h", None, "120h"),
    },
}

_METRICS: Final = ("first_response", "next_update", "resolution")

DOCUMENT: Final = PolicyDocument.model_validate(
    {
        "tiers": {
            tier: {
                priority: dict(zip(_METRICS, times, strict=True))
                for priority, times in rows.items()
            }
            for tier, rows in _TARGETS.items()
        },
        "levels": [
            {"at": 85, "name": "warning", "notify": {"assignee": True}},
            {
                "at": 100,
                "name": "breach",
                "notify": {"assignee": True, "group": True, "lead": True},
            },
            {"after": "1h", "name": "still open", "notify": {"lead": True}},
        ],
    }
)
