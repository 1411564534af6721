"""A policy as data: calendar, targets per tier and priority, levels of escalation.

One shape for the file, the API, the admin and the database; checked here with all errors at once. Pure: no tables.
A stored version is a whole `PolicyDocument`, its calendar included, so that what a clock was measured by can
always be computed again.
"""

import zoneinfo
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from sla.durations import parse_duration, show_duration
from tickets.priority import parse_priority


class Metric(StrEnum):
    FIRST_RESPONSE = "first_response"
    NEXT_UPDATE = "next_update"
    RESOLUTION = "resolution"


DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIERS: Final = ("gold", "silver", "bronze", "standard")
#: What a ticket without a priority is measured by until triage has ranked it.
UNRANKED_PRIORITY: Final = 3
MOST_LEVELS: Final = 10

Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), PlainSerializer(show_duration, return_type=str)
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _minutes(text: str) -> int:
    hours, colon, minutes = text.strip().partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):
        raise ValueError(f"{text!r} is not a time of day. Use 09:00 to 24:00.")
    total = int(hours) * 60 + int(minutes)
    if total > 1440 or int(minutes) > 59:
        raise ValueError(f"{text!r} is not a time of day. Use 09:00 to 24:00.")
    return total


def _slot(value: Any) -> Any:
    """(start, end) in minutes after midnight, from `09:00-17:30` or as given."""
    if isinstance(value, str):
        start, dash, end = value.partition("-")
        if not dash:
            raise ValueError(f"{value!r} is not a slot. Use 09:00-17:30.")
        return _minutes(start), _minutes(end)
    return value


def _show_slot(slot: tuple[int, int]) -> str:
    return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in slot)


Slot = Annotated[
    tuple[int, int], BeforeValidator(_slot), PlainSerializer(_show_slot, return_type=str)
]


class Holiday(_Part):
    """A day without business hours: dated `2026-12-24`, or every year `12-24`."""

    date: str
    name: str = Field("holiday", min_length=1, max_length=100)

    @field_validator("date", mode="before")
    @classmethod
    def _known_day(cls, value: Any) -> str:
        text = value.isoformat() if isinstance(value, date) else str(value).strip()
        try:
            date.fromisoformat(text if len(text) != 5 else f"2024-{text}")
        except ValueError:
            raise ValueError(
                f"{text!r} is not a day. Use 2026-12-24, or 12-24 for every year."
            ) from None
        return text


class Calendar(_Part):
    """When time counts. Without `hours` always: 24 hours on 7 days; holidays are days off all the same."""

    name: str = Field("24x7", min_length=1, max_length=80)
    time_zone: str = "UTC"
    hours: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], list[Slot]] = {}
    country: str = Field("", max_length=10, description="ISO code, for its public holidays")
    subdivision: str = Field("", max_length=10, description="State or province of it")
    holidays: list[Holiday] = Field([], max_length=5000)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in zoneinfo.available_timezones():
            raise ValueError(f"{value!r} is not a time zone. Use a name such as Europe/Berlin.")
        return value

    @field_validator("hours")
    @classmethod
    def _orderly(cls, hours: dict[str, list[tuple[int, int]]]) -> dict[str, list[tuple[int, int]]]:
        for day, slots in hours.items():
            slots.sort()
            for start, end in slots:
                if start >= end:
                    raise ValueError(f"{day}: a slot must end after it starts.")
            for (_, end), (start, _) in zip(slots, slots[1:], strict=False):
                if start < end:
                    raise ValueError(f"{day}: slots must not overlap.")
        if hours and not any(hours.values()):
            raise ValueError("At least one day must have a slot.")
        return {day: hours[day] for day in DAYS if hours.get(day)}

    @model_validator(mode="after")
    def _known_country(self) -> Self:
        if self.country:
            import holidays  # takes a moment to import; most calendars name no country

            subdivisions = holidays.list_supported_countries().get(self.country)
            if subdivisions is None:
                raise ValueError(
                    f"country: {self.country!r} is unknown. Use an ISO code such as DE."
                )
            if self.subdivision and self.subdivision not in subdivisions:
                known = ", ".join(subdivisions) or "none"
                raise ValueError(
                    f"subdivision: {self.subdivision!r} is unknown in {self.country}. Known: {known}."
                )
        elif self.subdivision:
            raise ValueError("subdivision: it needs a country.")
        return self


class Targets(_Part):
    """How long each metric may take, of business time. A metric without one has no clock."""

    first_response: Duration | None = None
    next_update: Duration | None = None
    resolution: Duration | None = None


class Notify(_Part):
    """Who is told: the channels that the routes choose, channels by name, and people by mail."""

    routed: bool = True
    channels: list[str] = []
    assignee: bool = False
    group: bool = False
    lead: bool = False


class Level(_Part):
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


class PolicyDocument(_Part):
    """What a version of a policy says, whole."""

    calendar: Calendar = Calendar()
    departments: list[str] = Field([], description="It holds for tickets of these; empty: all")
    tiers: dict[Literal["gold", "silver", "bronze", "standard"], dict[PriorityKey, Targets]]
    levels: list[Level] = Field(WARN_AND_BREACH, max_length=MOST_LEVELS)
    acknowledgement: Duration = Field(
        timedelta(minutes=30), description="For how long an acknowledgement stops the next levels"
    )

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

    def targets(self, tier: str, priority: int | None) -> Targets | None:
        """The targets for a ticket, or None when this policy has none for its tier.

        A priority without a row is measured by the next less urgent one that has a row, else by the last.
        """
        rows: dict[int, Targets] | None = self.tiers.get(tier)  # type: ignore[call-overload]
        if not rows:
            return None
        wanted = priority or UNRANKED_PRIORITY
        return rows[min((p for p in rows if p >= wanted), default=max(rows))]

    def canonical(self) -> dict[str, Any]:
        """As JSON: what the database keeps and `PolicyDocument.model_validate` reads again."""
        return self.model_dump(mode="json")
