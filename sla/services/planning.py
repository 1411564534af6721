"""What a change of policies would do, before it is done."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from sla.catalog import Catalog, Change, differences
from sla.models import ClockState, SlaClock
from sla.services.retargeting import preview_moves
from sla.services.storing import in_force


@dataclass(frozen=True)
class Moves:
    """How the deadlines of open tickets would move. `tickets`: of how many; the rest counts deadlines."""

    tickets: int = 0
    earlier: int = 0
    later: int = 0
    started: int = 0
    ended: int = 0
    breached: int = 0

    def __str__(self) -> str:
        if not self.tickets:
            return "No open ticket's deadline would move."
        parts = [f"{self.earlier:,} earlier", f"{self.later:,} later"]
        parts += [f"{self.started:,} new"] if self.started else []
        parts += [f"{self.ended:,} no more"] if self.ended else []
        tickets = "1 open ticket's" if self.tickets == 1 else f"{self.tickets:,} open tickets'"
        return (
            f"{tickets} deadlines would move: {', '.join(parts)}; "
            f"{self.breached:,} would be breached at once."
        )


@dataclass(frozen=True)
class Plan:
    """`open_tickets`: how many open tickets run on each policy now, by its name."""

    changes: tuple[Change, ...]
    open_tickets: dict[str, int]
    moves: Moves

    @property
    def moves_calendar(self) -> bool:
        return moves_calendar(self.changes)


def moves_calendar(changes: tuple[Change, ...] | list[Change]) -> bool:
    """Whether a calendar that was there says something else: then open clocks move along."""
    return any(change.kind == "calendar" and change.action == "changed" for change in changes)


def plan(before: Catalog, after: Catalog, *, now: datetime) -> Plan:
    """Writes nothing. `moves`: what would happen if open tickets moved along."""
    return Plan(
        changes=tuple(differences(before, after)),
        open_tickets=open_tickets(),
        moves=count_moves(after, now),
    )


def open_tickets() -> dict[str, int]:
    running = SlaClock.objects.filter(state__in=[ClockState.RUNNING, ClockState.PAUSED])
    counts = running.values_list("version__policy__name").annotate(Count("ticket", distinct=True))
    return dict(counts.order_by("version__policy__name"))


def count_moves(catalog: Catalog, now: datetime) -> Moves:
    tickets: set[int] = set()
    earlier = later = started = ended = breached = 0
    for move in preview_moves(policies=in_force(catalog)):
        old, new = move.old_due, move.new_due
        if old == new:
            continue
        tickets.add(move.ticket_id)
        if old is None:
            started += 1
        elif new is None:
            ended += 1
        elif new < old:
            earlier += 1
        else:
            later += 1
        breached += new is not None and new <= now and (old is None or old > now)
    return Moves(len(tickets), earlier, later, started, ended, breached)


def sentences(changes: tuple[Change, ...] | list[Change]) -> list[str]:
    """Each change in one line, for a log, a table, a page."""
    lines: list[str] = []
    for change in changes:
        fields = ", ".join(field.field for field in change.fields[:10])
        more = ", …" if len(change.fields) > 10 else ""
        told = f": {fields}{more}" if change.action == "changed" else ""
        lines.append(f"{change.kind} {change.name} {change.action}{told}")
    return lines
