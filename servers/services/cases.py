"""A problem while it changes: what its messages made of it, and what that does to its incident and its ticket."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from servers.alerts import Alert
from servers.models import Incident, IncidentState
from servers.problems import Problem, State
from servers.services.senders import Sender, clean
from servers.services.storms import adopt
from tickets.intake import Errors, TicketIn
from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import EventKind, Ticket
from tickets.services import Change, open_tickets, record_changes
from tickets.services.changing import IllegalMove, TicketMerged, check_move, moved, with_locks
from workers.sql import insert_rows, update_rows

ACTOR: Final = "servers"
FLAPPING: Final = "flapping"

#: What repetitions change. They only grow, so that nobody needs the ticket's lock for them.
_GROWING: Final = {
    "alerts": "old.alerts + new.alerts",
    "last_at": "greatest(old.last_at, new.last_at)",
}
_CHANGING: Final = (
    *("state", "resolve_at", "resolved_at", "dismissed_at", "flapping_since", "changed_at"),
    *("ticket_id", "impact", "urgency", "suppressed", "held"),
)
_FIXED: Final = ("origin", "key", "server_id", "integration_id", "title", "labels", "first_at")


def problem_of(incident: Incident) -> Problem:
    return Problem(
        State(incident.state),
        incident.last_at,
        incident.resolve_at,
        incident.resolved_at,
        incident.dismissed_at,
        incident.flapping_since,
        tuple(map(datetime.fromisoformat, incident.changed_at)),
    )


class Case:
    """One incident and its ticket, whose locks the caller holds."""

    def __init__(self, sender: Sender, incident: Incident, ticket: Ticket | None = None) -> None:
        self.sender, self.incident, self.ticket = sender, incident, ticket
        self.was = None if incident.pk is None else problem_of(incident)
        self.problem = problem_of(incident)
        self.alerts = 0  # that said that it fires
        self.acknowledged = False
        self.graver: dict[str, int] = {}
        self.opening: TicketIn | None = None
        self.holds = False
        self.error = ""  # why it could not get a ticket
        self.began: datetime | None = None  # what fired last, if the sender says when
        self.remark = ""  # what of it was left to triage
        self.end_reason = f"{sender.name}: it is over."

    @classmethod
    def begin(cls, sender: Sender, alert: Alert, problem: Problem) -> "Case":
        """A problem that was not known so far, or that is another one by now."""
        incident = Incident(
            origin=alert.origin,
            key=alert.key,
            server_id=sender.server_of(alert.server),
            integration_id=sender.integration,
            title=" ".join(clean(alert.title or alert.key).split())[:255],
            labels={clean(name): clean(value) for name, value in alert.all_labels.items()},
            state=problem.state,
            first_at=alert.began or problem.last_at,
            last_at=problem.last_at,
            resolved_at=problem.resolved_at,
            alerts=0,
        )
        return cls(sender, incident)

    @property
    def has_ticket(self) -> bool:
        return self.incident.ticket_id is not None or self.opening is not None

    @property
    def is_over(self) -> bool:
        return self.problem.state is State.RESOLVED

    @property
    def still_fires(self) -> bool:
        """Whether it goes on as it was when a person ended its ticket."""
        ended = self.was.dismissed_at if self.was else None
        return (
            ended is not None and not self.is_over and (self.began or self.problem.last_at) <= ended
        )

    def can_reopen(self, now: datetime) -> bool:
        if self.ticket is None:
            return self.opening is not None
        status = Status(self.ticket.status)
        try:
            if CATEGORY[status] is Category.RESOLVED:
                check_move(self.ticket, status, Status.OPEN, now)
        except (IllegalMove, TicketMerged):
            return False
        return True

    def fire(self, alert: Alert) -> None:
        """Count one more alert, and note what it says that is graver."""
        self.alerts += 1
        self.began = alert.began
        for name in graver_in(alert, self.incident):
            value = getattr(alert, name)
            setattr(self.incident, name, value)
            self.graver[name] = value

    def open(self, ticket: TicketIn) -> None:
        self.opening, self.incident.held = ticket, None

    def hold(self, ticket: TicketIn) -> None:
        """A maintenance window keeps the ticket back."""
        self.holds = self.incident.suppressed = True
        self.incident.held = ticket.model_dump(mode="json", exclude_unset=True)

    def changes(self, now: datetime, still_ill: Collection[int]) -> Iterator[Change]:
        """What happens to the ticket, in this order. One of `still_ill` has another problem that goes on."""
        ticket = self.ticket
        if ticket is None:
            return
        status = Status(ticket.status)
        ended = CATEGORY[status] is Category.RESOLVED
        began = self.was is None or self.was.state is State.RESOLVED
        if ended and began and not self.is_over:
            what = "it still fires." if self.still_fires else "it is back."
            yield moved(ticket, status, Status.OPEN, now, f"{self.sender.name}: {what}")
        graver = {n: v for n, v in self.graver.items() if v < (getattr(ticket, n) or 9)}
        if graver:
            values, locked = with_locks(ticket, graver)
            yield Change(ticket, values, reason="It got worse.", silent={"locked_fields": locked})
        if self.acknowledged:
            said = {"acknowledged_by": [None, self.sender.name]}
            yield Change(ticket, {}, kind=EventKind.ACKNOWLEDGED, beside=said)
        yield from self._flapping(ticket)
        if self.is_over and (self.alerts or not began) and not ended and ticket.pk not in still_ill:
            yield moved(ticket, status, Status.RESOLVED, now, self.end_reason)

    def _flapping(self, ticket: Ticket) -> Iterator[Change]:
        flaps = self.problem.flapping_since is not None
        if flaps == (self.was is not None and self.was.flapping_since is not None):
            return
        others = [tag for tag in ticket.tags if tag != FLAPPING]
        minutes = int(self.sender.rules.flapping_within.total_seconds() // 60)
        changes = len(self.problem.changed_at)
        if flaps:
            reason = f"It comes and goes: {changes} changes within {minutes} minutes."
            yield Change(ticket, {"tags": [*others, FLAPPING]}, reason=reason)
        else:
            yield Change(ticket, {"tags": others}, reason=f"It kept still for {minutes} minutes.")

    @property
    def only_grew(self) -> bool:
        """Whether nothing happened but repetitions."""
        same = self.was is not None and replace(self.was, last_at=self.problem.last_at)
        return same == self.problem and not (self.graver or self.opening or self.holds)

    def write_down(self) -> None:
        """Put what became of the problem into its incident."""
        incident, problem = self.incident, self.problem
        incident.state = IncidentState(problem.state)
        incident.resolve_at, incident.resolved_at = problem.resolve_at, problem.resolved_at
        incident.dismissed_at = problem.dismissed_at
        incident.flapping_since = problem.flapping_since
        incident.changed_at = [at.isoformat() for at in problem.changed_at]
        incident.last_at = problem.last_at
        incident.alerts += self.alerts
        if self.is_over:
            incident.held = None
        if self.ticket is not None:
            incident.ticket_id = self.ticket.pk


def graver_in(alert: Alert, incident: Incident) -> list[str]:
    """Of impact and urgency, those that `alert` says are graver than any alert before it said."""
    return [
        name
        for name in ("impact", "urgency")
        if (said := getattr(alert, name)) is not None
        and ((known := getattr(incident, name)) is None or said < known)
    ]


def write_cases(cases: Sequence[Case], *, now: datetime) -> None:
    """Write what happened to incidents and their tickets, in the caller's transaction.

    The number of statements does not grow with the cases. One whose ticket cannot be opened gets an `error`.
    """
    _open_tickets([case for case in cases if case.opening], now)
    cases = [case for case in cases if not case.error]
    _write_incidents(cases)
    over = [case.ticket.pk for case in cases if case.ticket and case.is_over]
    still_ill = Incident.objects.active().filter(ticket__in=over).values_list("ticket", flat=True)
    ill = set(still_ill) if over else set()
    changes = [change for case in cases for change in case.changes(now, ill)]
    record_changes(changes, actor=ACTOR, now=now)
    if opened := [case.incident for case in cases if case.opening]:
        adopt(incidents=opened, now=now)


def _open_tickets(cases: Sequence[Case], now: datetime) -> None:
    """A department or group that is not there any more, or not together, keeps no ticket from being opened."""
    items = [case.opening for case in cases if case.opening]
    if not items:
        return
    outcomes = open_tickets(items=items, actor=ACTOR, now=now)
    astray = []
    for case, item, outcome in zip(cases, items, outcomes, strict=True):
        case.ticket, case.error = outcome.ticket, sentence(outcome.errors)
        if outcome.errors and outcome.errors.keys() <= {"department", "group"}:
            case.opening = item.model_copy(update=dict.fromkeys(outcome.errors))
            case.remark = f"{case.remark} {case.error} Triage decides.".strip()
            astray.append(case)
    _open_tickets(astray, now)


def _write_incidents(cases: Sequence[Case]) -> None:
    for case in cases:
        case.write_down()
    known = [case for case in cases if case.was is not None]
    Incident.objects.lock(case.incident.pk for case in known)
    grown = [_row(case, "id") for case in known if case.only_grew]
    changed = [_row(case, "id", *_CHANGING) for case in known if not case.only_grew]
    update_rows(Incident, grown, list(_GROWING), computed=_GROWING)
    update_rows(Incident, changed, [*_CHANGING, *_GROWING], computed=_GROWING)
    new = [case for case in cases if case.was is None]  # after the end of what they follow
    ids = insert_rows(Incident, [_row(case, *_FIXED, *_CHANGING) for case in new], returning=True)
    for case, pk in zip(new, ids, strict=True):
        case.incident.pk = pk


def _row(case: Case, *columns: str) -> dict[str, Any]:
    row = {name: getattr(case.incident, name) for name in columns}
    return {**row, "alerts": case.alerts, "last_at": case.incident.last_at}


def sentence(errors: Errors) -> str:
    """Why a ticket was refused: "group: Network belongs to …"."""
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items())
