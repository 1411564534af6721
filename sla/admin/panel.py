"""What a ticket's page shows of its clocks, and the button that acknowledges."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from sla import services
from sla.durations import parse_duration
from sla.explaining import Line
from sla.models import ClockState
from sla.reading import ClockReading, clock_readings
from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket
from workers.errors import PermanentError

#: Narrower parts of a timeline could not be seen.
_LEAST_WIDTH = 0.6
_COLOURS = {"counted": "bg-primary-600", "on hold": "bg-orange-700"}
_CLOSED = "bg-base-300 dark:bg-base-700"
_AHEAD = "bg-base-100 dark:bg-base-800"


class Part(NamedTuple):
    """A part of the timeline: its width in percent, its colour, and what the pointer shows."""

    width: float
    colour: str
    text: str


class Shown(NamedTuple):
    """A clock as its ticket's page shows it."""

    reading: ClockReading
    timeline: list[Part]
    live: bool


def clocks_panel(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    now = timezone.now()
    readings = clock_readings(ticket, now)
    shown = [
        Shown(r, timeline(r, now), r.clock.state in (ClockState.RUNNING, ClockState.PAUSED))
        for r in readings
    ]
    return {
        "clocks": [one for one in shown if one.live],
        "ended_clocks": [one for one in shown if not one.live],
        "sla_state": ticket.sla_state(now),
        "acknowledged_until": max(
            (until for r in readings if (until := _held_until(r, now))), default=None
        ),
        "can_acknowledge": any(r.running for r in readings),
    }


def _held_until(reading: ClockReading, now: datetime) -> datetime | None:
    until = reading.clock.acknowledged_until
    return until if reading.running and until is not None and until > now else None


def timeline(reading: ClockReading, now: datetime) -> list[Part]:
    """The clock's life up to now, and what is left until its deadline, as parts of one bar."""
    told = reading.explanation
    if not told:
        return []
    due = reading.clock.due_at if reading.running else None
    end = max(told[-1].end, due or told[-1].end)
    whole = max(end - told[0].start, timedelta(seconds=1))
    parts = [_part(line, whole) for line in told]
    if end > told[-1].end:
        parts.append(Part(round((end - told[-1].end) / whole * 100, 2), _AHEAD, "left"))
    return parts


def _part(line: Line, whole: timedelta) -> Part:
    width = max(round((line.end - line.start) / whole * 100, 2), _LEAST_WIDTH)
    return Part(width, _COLOURS.get(line.why, _CLOSED), line.text)


def press_acknowledge(request: HttpRequest, ticket: Ticket) -> str:
    """The button: hold the following levels back, for as long as was chosen or the policy says."""
    text = request.POST.get("lasting", "").strip()
    lasting = parse_duration(text) if text else None
    until = services.acknowledge(
        ids=[ticket.pk], actor=request.user.get_username(), lasting=lasting
    )
    return f"Acknowledged until {until:%-d %b %H:%M} UTC: the next levels wait."


@admin.action(description="Acknowledge", permissions=["change"])
def acknowledge(model_admin: TicketAdmin, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
    try:
        services.acknowledge(
            ids=list(queryset.values_list("pk", flat=True)), actor=request.user.get_username()
        )
    except PermanentError as error:
        model_admin.message_user(request, str(error), messages.ERROR)
    else:
        model_admin.message_user(request, "Acknowledged.", messages.SUCCESS)


TicketAdmin.panels.append(clocks_panel)
TicketAdmin.steps["acknowledge"] = press_acknowledge
TicketAdmin.actions = (*TicketAdmin.actions, acknowledge)  # type: ignore[assignment]
