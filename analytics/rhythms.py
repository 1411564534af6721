"""When a report is due, and about which time: whole days of its time zone. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Every(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Days:
    """From midnight to midnight in a time zone; the end is not part of it."""

    first: date
    end: date
    time_zone: str

    @property
    def starts_at(self) -> datetime:
        return _midnight(self.first, self.time_zone)

    @property
    def ends_at(self) -> datetime:
        return _midnight(self.end, self.time_zone)

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    def before(self) -> "Days":
        """The period of the same kind before, to compare with."""
        if self.first.day == 1 and self.end.day == 1:
            first = (self.first - timedelta(days=1)).replace(day=1)
        else:
            first = self.first - (self.end - self.first)
        return Days(first, self.first, self.time_zone)

    def in_words(self) -> str:
        if self.first == self.last:
            return f"{self.first:%A, %-d %B %Y}"
        if self.first.day == 1 and self.end.day == 1:
            return f"{self.first:%B %Y}"
        beginning = f"{self.first:%-d %B}"
        if self.first.year != self.last.year:
            beginning += f" {self.first:%Y}"
        return f"{beginning} to {self.last:%-d %B %Y}"


@dataclass(frozen=True)
class Rhythm:
    """How often, and at which hour (0 to 23) of which weekday (0 is Monday) where."""

    every: Every
    weekday: int
    hour: int
    time_zone: str

    def newest_due(self, now: datetime) -> tuple[datetime, Days]:
        """Return the last moment up to `now` at which a report fell due, and the period that it is about."""
        today = now.astimezone(ZoneInfo(self.time_zone)).date()
        day = self._due_day(today)
        if self._moment(day) > now:
            day = self._due_day(day - timedelta(days=1))
        return self._moment(day), self._period(day)

    def newest_whole(self, now: datetime) -> Days:
        """The last period that is over, whether its report is due already or not."""
        today = now.astimezone(ZoneInfo(self.time_zone)).date()
        return self._period(self._due_day(today))

    def _due_day(self, day: date) -> date:
        """The last day up to `day` on which a report is sent."""
        if self.every is Every.WEEK:
            return day - timedelta(days=(day.weekday() - self.weekday) % 7)
        return day.replace(day=1) if self.every is Every.MONTH else day

    def _period(self, day: date) -> Days:
        """What a report of `day` is about."""
        if self.every is Every.MONTH:
            return Days((day - timedelta(days=1)).replace(day=1), day, self.time_zone)
        days = 7 if self.every is Every.WEEK else 1
        return Days(day - timedelta(days=days), day, self.time_zone)

    def _moment(self, day: date) -> datetime:
        """An hour that the clocks skip is the one after it; of one that comes twice it is the first."""
        local = datetime.combine(day, time(self.hour), ZoneInfo(self.time_zone))
        return local.astimezone(UTC)


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime.combine(day, time(0), ZoneInfo(time_zone)).astimezone(UTC)
