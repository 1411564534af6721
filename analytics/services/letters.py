"""A report as a mail: figures in words, tables, the tickets as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string

from analytics.columns import COLUMNS
from analytics.models import ReportSchedule
from analytics.reading import count, counted_change, lasting, percent, points_change
from analytics.rhythms import Days
from analytics.scopes import Scope
from analytics.services.copying import csv_blocks
from analytics.services.reporting import Figures, Part, figures
from tickets.models import Ticket
from tickets.naming import join_names
from workers.replica import read

#: A mail with more is refused by many servers.
MOST_FILE_BYTES: Final = 10 * 1024 * 1024


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str
    html: str
    #: Name, bytes and kind.
    files: tuple[tuple[str, bytes, str], ...] = ()


@dataclass
class Letters:
    """The mails about one period: one for all who may see the same. The last is kept: it may be large."""

    schedule: ReportSchedule
    period: Days
    with_files: bool = True

    def __post_init__(self) -> None:
        self._last: tuple[frozenset[int], Letter] | None = None

    def for_eyes(self, hidden: frozenset[int]) -> Letter:
        """The mail for whoever may not see the departments `hidden`."""
        if self._last is None or self._last[0] != hidden:
            self._last = None
            scope = Scope(tuple(sorted(hidden)), self.schedule.department_id)
            self._last = hidden, self._write(scope)
        return self._last[1]

    def _write(self, scope: Scope) -> Letter:
        before, zone = self.period.before(), ZoneInfo(self.period.time_zone)
        attached = self.with_files and self.schedule.attach_tickets
        found, (files, missing) = read(
            lambda: (
                figures(scope, self.period, before),
                self._files(scope) if attached else ((), ""),
            )
        )
        department = self.schedule.department
        name = " ".join(self.schedule.name.split())  # a header is one line
        subject = f"{name}: {self.period.in_words()}"
        opened = self._opened()
        days = (self.period.end - self.period.first).days
        asked = {"days": days, "tz": self.period.time_zone}
        if department:
            opened["department"] = join_names([department.name])
            asked["department"] = department.name
        context = {
            "subject": subject,
            "where": department.name if department else "All departments",
            "hidden": bool(scope.hidden) and department is None,
            "time_zone": self.period.time_zone,
            "before": before.in_words(),
            "as_of": f"{found.as_of.astimezone(zone):%-d %B %Y, %H:%M}",
            "lines": lines(found),
            "parts": [
                ("Priority", parts(found.by_priority)),
                ("Department", parts(found.by_department) if department is None else []),
            ],
            "missing": missing,
            "tickets": f"{settings.PUBLIC_URL}/tickets/?{urlencode(opened)}",
            "report": f"{settings.PUBLIC_URL}/report/?{urlencode(asked)}",
            "days": days,
        }
        return Letter(
            f"[SmartOps] {subject}",
            render_to_string("analytics/report_mail.txt", context),
            render_to_string("analytics/report_mail.html", context),
            files,
        )

    def _opened(self) -> dict[str, str]:
        """The list's filters for the tickets that were opened in the period."""
        return {
            "opened_after": f"{self.period.starts_at:%Y-%m-%dT%H:%M:%SZ}",
            "opened_before": f"{self.period.ends_at:%Y-%m-%dT%H:%M:%SZ}",
        }

    def _files(self, scope: Scope) -> tuple[tuple[tuple[str, bytes, str], ...], str]:
        """The tickets that were opened in the period as CSV; or nothing, and a sentence that says why."""
        opened = {
            "opened_at__gte": self.period.starts_at,
            "opened_at__lt": self.period.ends_at,
        }
        tickets = Ticket.objects.outside(scope.hidden).filter(**opened)
        if scope.department is not None:
            tickets = tickets.filter(department=scope.department)
        data = bytearray()
        for block in csv_blocks(tickets, list(COLUMNS.values()), bom=True):
            data += block.data
            if len(data) > MOST_FILE_BYTES:
                most = MOST_FILE_BYTES // 2**20
                return (), (
                    f"The tickets are not attached: they have more than {most} MB. Export them with"
                    f" {' and '.join(f'{k}={v}' for k, v in self._opened().items())}."
                )
        name = f"tickets_{self.period.first}_{self.period.last}.csv"
        return ((name, bytes(data), "text/csv"),), ""


def lines(found: Figures) -> list[tuple[str, str, str, str]]:
    """Name, value, the value of the period before, how it changed."""
    now, before = found.now, found.before
    met, met_before = (one["sla"]["total"]["attainment"] for one in (now, before))
    return [
        _counted("Created", now["created"], before["created"]),
        _counted("Resolved", now["resolved"], before["resolved"]),
        ("Open now", count(found.backlog), "", ""),
        ("SLA met", percent(met), percent(met_before), points_change(met, met_before)),
        _lasting("First response, median", now["first_response"], before["first_response"]),
        _lasting("Resolution, median", now["resolution"], before["resolution"]),
    ]


def parts(found: Sequence[Part]) -> list[dict[str, Any]]:
    return [
        {
            "name": part.name,
            "created": count(part.created),
            "created_before": count(part.created_before),
            "resolved": count(part.resolved),
            "resolved_before": count(part.resolved_before),
            "backlog": count(part.backlog),
        }
        for part in found
    ]


def _counted(name: str, now: int, before: int) -> tuple[str, str, str, str]:
    return name, count(now), count(before), counted_change(now, before)


def _lasting(
    name: str, now: Mapping[str, Any], before: Mapping[str, Any]
) -> tuple[str, str, str, str]:
    return name, lasting(now["wall"]["median"]), lasting(before["wall"]["median"]), ""
