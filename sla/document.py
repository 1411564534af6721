"""A policy as data: calendar, targets per tier and priority, levels of escalation.

One shape for the file, the API, the admin and the database; checked here with all errors at once. Pure: no tables.
A stored version is a whole `PolicyDocument`, its calendar included, so that what a clock was measured by can
always be computed again.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from sla.calendars import DAYS as DAYS
from sla.calendars import Calendar as Calendar
from sla.calendars import Holiday as Holiday
from sla.calendars import Part
from sla.durations import parse_duration, show_duration
from tickets.priority import parse_priority


class Metric(StrEnum):
    FIRST_RESPONSE = "first_response"
    NEXT_UPDATE = "next_update"
    RESOLUTION = "resolution"


TIERS: Final = ("gold", "silver", "bronze", "standard")
#: What a ticket without a priority is measured by until triage has ranked it.
UNRANKED_PRIORITY: Final = 3
MOST_LEVELS: Final = 10

Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), PlainSerializer(show_duration, return_type=str)
]


class Targets(Part):
    """How long each metric may take, of business time. A metric without one has no clock."""

    #: Other tools' files call it `response`.
    first_response: Duration | None = Field(
        None, validation_alias=AliasChoices("first_response", "response")
    )
    next_update: Duration | None = None
    resolution: Duration | None = None


class Notify(Part):
    """Who is told: the channels that the routes choose, channels by name, and people by mail."""

    routed: bool = True
    channels: list[str] = []
    assignee: bool = False
    group: bool = False
    lead: bool = False


class Level(Part):
    """A step of escalation: when it is reached, and what happens then."""

    at: float | None = Field(None, description="Percent of the target, such as 85 %")
    after: Duration | None = Field(None, description="Time after the breach")
    name: str = Field("", max_length=60)
    metrics: list[Metric] = Field([], description="All when empty")
    notify: Notify = Notify()
    raise_priority: bool = False
    assign_group: str = ""
    add_tag: str = Field("", max_length=50)

    @field_validator("at", mode="before")
    @classmethod
    def _percent(cls, value: Any) -> Any:
        return value.strip().removesuffix("%").strip() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.at is None) == (self.after is None):
            raise ValueError("Give either at (percent of the target) or after (time after it).")
        if self.at is not None and not 1 <= self.at <= 1000:
            raise ValueError("at: use 1 to 1000 percent.")
        return self

    def offset(self, target: timedelta) -> timedelta:
        """How much counted time reaches this level."""
        return target * (self.at / 100) if self.at is not None else target + (self.after or target)

    @property
    def breach(self) -> bool:
        return self.at is None or self.at >= 100

    @property
    def threshold(self) -> str:
        """As people read it: `85 %`, `breach`, `breach + 30m`."""
        if self.after is not None:
            return f"breach + {show_duration(self.after)}"
        return "breach" if self.at == 100 else f"{self.at:g} %"


WARN_AND_BREACH: Final = [Level(at=85, name="warning"), Level(at=100, name="breach")]


def _priority(key: Any) -> int:
    return parse_priority(key)


PriorityKey = Annotated[
    int, BeforeValidator(_priority), PlainSerializer(lambda p: f"P{p}", return_type=str)
]


class PolicyTerms(Part):
    """What a policy says, but for its calendar."""

    departments: list[str] = Field(
        [], max_length=200, description="It holds for tickets of these; empty: all"
    )
    tiers: dict[Literal["gold", "silver", "bronze", "standard"], dict[PriorityKey, Targets]]
    levels: list[Level] = Field(WARN_AND_BREACH, max_length=MOST_LEVELS)
    acknowledgement: Duration = Field(
        timedelta(minutes=30), description="For how long an acknowledgement stops the next levels"
    )

    @field_validator("tiers", mode="before")
    @classmethod
    def _each_once(cls, tiers: Any) -> Any:
        for tier, rows in tiers.items() if isinstance(tiers, dict) else ():
            seen: dict[int, Any] = {}
            for key in rows if isinstance(rows, dict) else ():
                try:
                    first = seen.setdefault(parse_priority(key), key)
                except ValueError:
                    continue  # reported with its place by the key's own check
                if first is not key:
                    raise ValueError(f"{tier}: {first} and {key} are the same priority.")
        return tiers

    @field_validator("tiers")
    @classmethod
    def _some(cls, tiers: dict[str, dict[int, Targets]]) -> dict[str, dict[int, Targets]]:
        if not any(tiers.values()):
            raise ValueError("Give targets for at least one tier and priority.")
        return {tier: dict(sorted(tiers[tier].items())) for tier in TIERS if tier in tiers}

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: list[Level]) -> list[Level]:
        # Percentages and times after the breach cannot be compared without a target, but each kind can.
        percents = [level.at for level in levels if level.at is not None]
        afters = [level.after for level in levels if level.after is not None]
        first_after = next((i for i, level in enumerate(levels) if level.after), len(levels))
        if percents != sorted(set(percents)) or afters != sorted(set(afters)):
            raise ValueError("Levels must rise: each later than the one before it.")
        if any(level.at is not None for level in levels[first_after:]):
            raise ValueError("Levels after the breach come last.")
        if afters and percents and percents[-1] > 100:
            raise ValueError(
                "Use either percentages above 100 or times after the breach, not both."
            )
        return levels

    @property
    def longest_target(self) -> timedelta:
        return max(
            length
            for rows in self.tiers.values()
            for targets in rows.values()
            for length in (targets.first_response, targets.next_update, targets.resolution)
            if length is not None
        )

    def targets(self, tier: str, priority: int | None) -> Targets | None:
        """The targets for a ticket, or None when this policy has none for its tier.

        A priority without a row is measured by the next less urgent one that has a row, else by the last.
        """
        rows: dict[int, Targets] | None = self.tiers.get(tier)  # type: ignore[call-overload]
        if not rows:
            return None
        wanted = priority or UNRANKED_PRIORITY
        return rows[min((p for p in rows if p >= wanted), default=max(rows))]


class PolicyDocument(PolicyTerms):
    """What a version of a policy says, whole."""

    calendar: Calendar = Calendar()

    def canonical(self) -> dict[str, Any]:
        """As JSON: what the database keeps and `PolicyDocument.model_validate` reads again."""
        return self.model_dump(mode="json")
