"""The figures by slow, plain Python over every row: what the quick ones are compared with."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sla.models import SlaClock
from tickets.models import Ticket, TicketEvent
from triage.models import Correction, TriageDecision

LIVE = {"open", "in_progress", "on_hold"}
SOLVED = {"resolved", "closed"}
Chosen = Callable[[Ticket], bool]


class Plain:
    """Everything, read once. `chosen` says which tickets count."""

    def __init__(self, chosen: Chosen = lambda ticket: True) -> None:
        self.tickets = {t.pk: t for t in Ticket.objects.order_by("pk") if chosen(t)}
        self.turns = list(self._turns())
        self.clocks = [c for c in SlaClock.objects.order_by("pk") if c.ticket_id in self.tickets]
        self.decided: dict[int, datetime] = {}
        for decision in TriageDecision.objects.filter(refined=False).order_by("created_at"):
            self.decided.setdefault(decision.ticket_id, decision.created_at)

    def _turns(self) -> Any:
        """(ticket, when, before, after) for each change of status."""
        for event in TicketEvent.objects.order_by("pk"):
            if event.ticket_id in self.tickets and "status" in event.changes:
                before, after = event.changes["status"]
                at, solved_at = event.at, self.tickets[event.ticket_id].resolved_at
                if after in SOLVED and solved_at is not None:
                    at = min(at, solved_at)
                yield event.ticket_id, at, before, after

    def backlog(self, until: datetime) -> int:
        latest = {pk: "open" for pk, t in self.tickets.items() if t.opened_at < until}
        for pk, at, _, after in self.turns:
            if pk in latest and at < until:
                latest[pk] = after
        return sum(status in LIVE for status in latest.values())

    def figures(self, start: datetime, end: datetime) -> dict[str, Any]:
        def inside(at: datetime | None) -> bool:
            return at is not None and start <= at < end

        opened = [t for t in self.tickets.values() if inside(t.opened_at)]
        solved = [n for n, turn in enumerate(self.turns) if self._ends(turn) and inside(turn[1])]
        met = [c for c in self.clocks if c.state == "met" and inside(c.stopped_at)]
        missed = [c for c in self.clocks if inside(c.breached_at)]
        said = [agreed for at, agreed in self._said() if inside(at)]
        answered = [t for t in self.tickets.values() if inside(t.first_response_at)]
        done = [t for t in self.tickets.values() if t.status in SOLVED and inside(t.resolved_at)]
        confidences = [t.confidence for t in opened if t.confidence is not None]
        found: dict[str, Any] = {
            "created": len(opened),
            "resolved": len(solved),
            "cancelled": sum(t[3] == "cancelled" and inside(t[1]) for t in self.turns),
            "reopened": sum(
                t[2] not in LIVE and t[2] is not None and t[3] in LIVE and inside(t[1])
                for t in self.turns
            ),
            "breached": len(missed),
            "resolution_rate": rate(sum(t.status in SOLVED for t in opened), len(opened)),
            "reopen_rate": rate(sum(self._came_back(n) for n in solved), len(solved)),
            "override_rate": rate(said.count(False), len(said)),
            "average_confidence": 100 * sum(confidences) / len(confidences)
            if confidences
            else None,
            "triage_latency": shares(
                [
                    (at - self.tickets[pk].created_at).total_seconds()
                    for pk, at in self.decided.items()
                    if pk in self.tickets and inside(at)
                ]
            ),
            "first_response.wall": shares(
                [(t.first_response_at - t.opened_at).total_seconds() for t in answered]  # type: ignore[operator]
            ),
            "resolution.wall": shares(
                [(t.resolved_at - t.opened_at).total_seconds() for t in done]  # type: ignore[operator]
            ),
            "first_response.business": shares(self._counted(answered, "first_response")),
            "resolution.business": shares(self._counted(done, "resolution")),
            "sla.total.attainment": rate(len(met), len(met) + len(missed)),
        }
        for metric in ("first_response", "next_update", "resolution"):
            kept = sum(c.metric == metric for c in met)
            lost = sum(c.metric == metric for c in missed)
            found[f"sla.{metric}.attainment"] = rate(kept, kept + lost)
        return found

    def _ends(self, turn: Any) -> bool:
        return turn[3] in SOLVED and (turn[2] is None or turn[2] in LIVE)

    def _came_back(self, number: int) -> bool:
        pk = self.turns[number][0]
        return any(t[0] == pk and t[3] == "open" for t in self.turns[number + 1 :])

    def _said(self) -> list[tuple[datetime, bool]]:
        latest: dict[Any, Correction] = {}
        rows = Correction.objects.filter(
            undone_at=None, field__in=("category", "impact", "urgency"), ticket__in=self.tickets
        )
        for row in rows.select_related("decision").order_by("pk"):
            latest[row.ticket_id, row.field, row.at.astimezone(UTC).date()] = row
        return [
            (row.at, row.agreed)
            for row in latest.values()
            if row.decision is None or row.decision.fields.get(row.field, {}).get("by") != "person"
        ]

    def _counted(self, tickets: Sequence[Ticket], metric: str) -> list[float]:
        sums: defaultdict[int, float] = defaultdict(float)
        for clock in self.clocks:
            if clock.metric == metric and clock.state in ("met", "breached"):
                sums[clock.ticket_id] += clock.counted.total_seconds()
        return [sums[t.pk] for t in tickets if t.pk in sums]


def rate(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def shares(values: Sequence[float]) -> list[float] | None:
    """Median, p90 and p95, between neighbours."""
    if not values:
        return None
    ordered = sorted(max(value, 0.0) for value in values)
    found = []
    for share in (0.5, 0.9, 0.95):
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        found.append(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
    return found
