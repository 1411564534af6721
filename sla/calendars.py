"""A business calendar as data: time zone, slots by weekday, holidays. Pure."""

import re
import zoneinfo
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

#: The context in which stored documents are read. They were checked when they were saved; when a later release of
#: `holidays` drops a name, tickets must open and close all the same, without those days.
STORED: Final = {"stored": True}

DAYS: Final[tuple[str, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Part(BaseModel):
    """A piece of a policy: unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        for name, value in data.items() if isinstance(data, dict) else ():
            for text in value if isinstance(value, list) else (value,):
                if isinstance(text, str) and "\0" in text:
                    raise ValueError(f"{name}: a text must not hold a NUL character.")
        return data


def _minutes(text: str) -> int:
    hours, colon, minutes = text.strip().partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):
        raise ValueError(f"{text[:40]!r} is not a time of day. Use 09:00 to 24:00.")
    total = int(hours) * 60 + int(minutes)
    if total > 1440 or int(minutes) > 59:
        raise ValueError(f"{text[:40]!r} is not a time of day. Use 09:00 to 24:00.")
    return total


def _slot(value: Any) -> Any:
    """(start, end) in minutes after midnight, from `09:00-17:30` or as given."""
    if isinstance(value, str):
        start, dash, end = value.partition("-")
        if not dash:
            raise ValueError(f"{value[:40]!r} is not a slot. Use 09:00-17:30.")
        return _minutes(start), _minutes(end)
    return value


def _show_slot(slot: tuple[int, int]) -> str:
    return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in slot)


Minute = Annotated[int, Field(ge=0, le=1440)]
Slot = Annotated[
    tuple[Minute, Minute], BeforeValidator(_slot), PlainSerializer(_show_slot, return_type=str)
]


def _slots(value: Any) -> Any:
    """A day's slots: a list of them, or one line `09:00-12:30, 13:30-18:00`."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [] if value is None else value


Slots = Annotated[list[Slot], BeforeValidator(_slots), Field(max_length=48)]


def _days(value: Any) -> Any:
    """`mon-fri` stands for each day from the one to the other."""
    if not isinstance(value, dict):
        return value
    hours: dict[Any, Any] = {}
    for key, slots in value.items():
        first, _, last = str(key).partition("-")
        days: tuple[Any, ...] = (key,)
        if first in DAYS and last in DAYS and DAYS.index(first) < DAYS.index(last):
            days = DAYS[DAYS.index(first) : DAYS.index(last) + 1]
        for day in days:
            if day in hours:
                raise ValueError(f"{day} is named twice.")
            hours[day] = slots
    return hours


class Holiday(Part):
    """A day without business hours: dated `2026-12-24`, or every year `12-24`."""

    date: str
    name: str = Field("holiday", min_length=1, max_length=100)

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, data: Any) -> Any:
        """`2026-12-24 Christmas Eve`, as people write it in a list."""
        if isinstance(data, str):
            day, _, name = data.strip().partition(" ")
            return {"date": day, "name": name.strip()} if name.strip() else {"date": day}
        return data

    @field_validator("date", mode="before")
    @classmethod
    def _known_day(cls, value: Any) -> str:
        text = value.isoformat() if isinstance(value, date) else str(value).strip()
        try:
            if not re.fullmatch(r"(\d{4}-)?\d\d-\d\d", text, re.ASCII):
                raise ValueError
            date.fromisoformat(text if len(text) != 5 else f"2024-{text}")
        except ValueError:
            raise ValueError(
                f"{text[:40]!r} is not a day. Use 2026-12-24, or 12-24 for every year."
            ) from None
        return text


class Calendar(Part):
    """When time counts. Without `hours` always: 24 hours on 7 days; holidays are days off all the same."""

    name: str = Field("24x7", min_length=1, max_length=80)
    time_zone: str = "UTC"
    hours: Annotated[
        dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], Slots],
        BeforeValidator(_days),
    ] = {}
    country: str = Field("", max_length=10, description="ISO code, for its public holidays")
    subdivision: str = Field("", max_length=10, description="State or province of it")
    holidays: list[Holiday] = Field([], max_length=5000)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in zoneinfo.available_timezones():
            raise ValueError(
                f"{value[:60]!r} is not a time zone. Use a name such as Europe/Berlin."
            )
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

    @field_validator("holidays")
    @classmethod
    def _some_day_is_left(cls, holidays: list[Holiday]) -> list[Holiday]:
        # A ticket measured by it would have no deadline, and could not be opened.
        if len({"02-29", *(day.date for day in holidays if len(day.date) == 5)}) == 366:
            raise ValueError("Every day of the year is a holiday: it would never open.")
        return holidays

    @model_validator(mode="after")
    def _known_country(self, info: ValidationInfo) -> Self:
        if info.context == STORED:
            return self
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
