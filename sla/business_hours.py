"""Business time: how much of it lies between two instants, and when an amount of it has passed.

Pure. Instants are aware datetimes; amounts are timedeltas of time that counts. A slot is local time: on the day
when clocks change, a slot that contains the change is an hour shorter or longer.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sla.document import DAYS, Calendar

NOTHING: Final = timedelta(0)
_DAY: Final = timedelta(days=1)
#: A calendar that is closed for so long on end will not open: its holidays cover everything.
_GIVE_UP_DAYS: Final = 3660
MOST_YEARS: Final = timedelta(days=_GIVE_UP_DAYS)
CLOSED: Final = "closed"


class NeverOpen(Exception):
    """The calendar has no business hours for ten years."""


class Stretch(NamedTuple):
    """A time without a change between open and closed. `why` names the reason when closed."""

    start: datetime
    end: datetime
    open: bool
    why: str


class BusinessHours:
    """A calendar, ready to compute with. Remembers the days it has looked at."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.zone = ZoneInfo(calendar.time_zone)
        self.always = not (calendar.hours or calendar.holidays or calendar.country)
        slots = {str(day): tuple(slots) for day, slots in calendar.hours.items()}
        self._weekly = [slots.get(day, ()) if slots else ((0, 1440),) for day in DAYS]
        self._dated = {h.date: h.name for h in calendar.holidays}
        self._day = lru_cache(maxsize=4096)(self._open_parts)
        self._public = lru_cache(maxsize=64)(self._public_holidays)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much business time lies from `start` to `end`; nothing when `end` is not later."""
        if end <= start:
            return NOTHING
        if self.always:
            return end - start
        total = NOTHING
        for opens, closes in self._parts_from(start, end):
            if opens >= end:
                break
            total += max(min(closes, end) - max(opens, start), NOTHING)
        return total

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of business time has passed since `start`; `start` for none or less.

        :raises NeverOpen: it never passes.
        """
        if amount <= NOTHING:
            return start
        if self.always:
            return start + amount
        for opens, closes in self._parts_from(start):
            begins = max(opens, start)
            if closes <= begins:
                continue
            if closes - begins >= amount:
                return begins + amount
            amount -= closes - begins
        raise AssertionError("without `until`, parts end only by NeverOpen")

    def fits(self, amount: timedelta, start: datetime) -> bool:
        """Whether `amount` passes within ten years of `start`: else every ticket's deadline would take seconds."""
        week = sum(end - begin for slots in self._weekly for begin, end in slots)
        if amount * (7 * 1440) > MOST_YEARS * week:
            return False
        try:
            return self.add(start, amount) <= start + 2 * MOST_YEARS
        except NeverOpen:
            return False

    def stretches(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """Cut the time from `start` to `end` into open and closed stretches, in order, without a gap."""
        if self.always and start < end:
            yield Stretch(start, end, True, "")
            return
        at = start
        while at < end:
            day = at.astimezone(self.zone).date()
            midnight = self._midnight(day + _DAY)
            if midnight <= at:  # clocks went back across midnight: the next day has begun already
                day += _DAY
                midnight = self._midnight(day + _DAY)
            for opens, closes in self._day(day):
                opens, closes = max(opens, at), min(closes, end)
                if closes <= opens:
                    continue
                if at < opens:
                    yield Stretch(at, opens, False, CLOSED)
                yield Stretch(opens, closes, True, "")
                at = closes
            stop = min(midnight, end)
            if at < stop:
                yield Stretch(at, stop, False, self.holiday(day) or CLOSED)
                at = stop

    def holiday(self, day: date) -> str:
        """The name of the holiday on `day`, or nothing."""
        iso = day.isoformat()
        return (
            self._dated.get(iso) or self._dated.get(iso[5:]) or self._public(day.year).get(day, "")
        )

    def _parts_from(
        self, start: datetime, until: datetime | None = None
    ) -> Iterator[tuple[datetime, datetime]]:
        """The open parts of each day from that of `start` on; of closed days none is looked at after `until`."""
        day, empty = start.astimezone(self.zone).date(), 0
        while empty < _GIVE_UP_DAYS:
            parts = self._day(day)
            if not parts and until is not None and self._midnight(day) >= until:
                return
            yield from parts
            empty = 0 if parts else empty + 1
            day += _DAY
        raise NeverOpen(
            f"Calendar {self.calendar.name!r} has no business hours from {start:%Y-%m-%d} on."
        )

    def _open_parts(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        if self.holiday(day):
            return ()
        parts = [
            (self._instant(day, opens), self._instant(day, closes))
            for opens, closes in self._weekly[day.weekday()]
        ]
        return tuple((opens, closes) for opens, closes in parts if opens < closes)

    def _instant(self, day: date, minutes: int) -> datetime:
        """A local time as an instant: of a time that comes twice the first, of one that is skipped the jump."""
        if minutes == 1440:
            return self._midnight(day + _DAY)
        local = datetime.combine(day, time(minutes // 60, minutes % 60), self.zone)
        instant = local.astimezone(UTC)
        if instant.astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            return self._jump(instant)
        return instant

    def _jump(self, after: datetime) -> datetime:
        """The instant at which the clocks skip the local time that `after` was made from."""
        low, high = after - timedelta(hours=26), after + timedelta(hours=26)
        offset = low.astimezone(self.zone).utcoffset()
        while high - low > timedelta(seconds=1):
            middle = (low + (high - low) / 2).replace(microsecond=0)
            if middle.astimezone(self.zone).utcoffset() == offset:
                low = middle
            else:
                high = middle
        return high

    def _midnight(self, day: date) -> datetime:
        return self._instant(day, 0)

    def _public_holidays(self, year: int) -> dict[date, str]:
        if not self.calendar.country:
            return {}
        from holidays import country_holidays

        country, part = self.calendar.country, self.calendar.subdivision or None
        try:
            # In the country's own language: otherwise the process' locale would decide.
            language = country_holidays(country, subdiv=part).default_language
        except (
            NotImplementedError
        ):  # `holidays` knew it when the calendar was saved; /health says so
            return {}
        return dict(country_holidays(country, subdiv=part, years=year, language=language))
