"""Alerts become incidents, and incidents tickets: one problem, one ticket.

An incident's state changes only under the lock of its ticket or, while it has none, under that of its origin.
Origins are locked before tickets.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db import connection, transaction

from servers.alerts import Action, Alert
from servers.models import Incident, IncidentState, MaintenanceWindow
from servers.problems import Problem, State, Step, heard
from servers.services.cases import Case, graver_in, sentence, write_cases
from servers.services.senders import SERVERS, Sender, clean, read_senders
from tickets.intake import TicketIn
from tickets.lifecycle import Status
from tickets.models import Ticket
from tickets.services.recording import lock
from workers.sql import throw_out_when_frozen

KEY_MAX: Final = 300
_STILL: Final = "Its ticket was ended, and it still fires."


class Result(StrEnum):
    CREATED = "created"
    APPENDED = "appended"
    REOPENED = "reopened"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Outcome:
    """What became of one alert. `detail` says why, in a sentence."""

    result: Result
    incident: Incident | None
    ticket: int | None
    detail: str = ""


_RESULTS: Final = {
    Step.OPEN: Result.CREATED,
    Step.APPEND: Result.APPENDED,
    Step.REFIRE: Result.APPENDED,
    Step.REOPEN: Result.REOPENED,
    Step.ACKNOWLEDGE: Result.ACKNOWLEDGED,
    Step.RECOVER: Result.RESOLVED,
    Step.RESOLVE: Result.RESOLVED,
}


def apply_alerts(*, alerts: Sequence[Alert], now: datetime) -> list[Outcome]:
    """Take in `alerts` in their order, one outcome for each. Joins a transaction that is open already, once.

    The number of statements does not grow with the alerts. One that cannot become a ticket is ignored, with the
    reason; the others stand.
    """
    with transaction.atomic():
        return _Application(alerts, now).run()


def lock_origins(origins: Collection[str]) -> None:
    """Let nobody else take in alerts of these origins until the transaction ends."""
    throw_out_when_frozen()
    names = sorted({SERVERS if o.startswith("server:") else o for o in origins})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name",
            [[f"alerts of {name}" for name in names]],
        )


@dataclass(frozen=True)
class _Heard:
    """One alert and the case it belongs to; its result stands unless the case failed."""

    result: Result
    case: Case | None
    detail: str = ""

    def outcome(self) -> Outcome:
        case = self.case
        if case is None:
            return Outcome(Result.IGNORED, None, None, self.detail)
        if case.error:
            return Outcome(Result.IGNORED, None, None, case.error)
        detail = self.detail or (case.remark if self.result is Result.CREATED else "")
        return Outcome(self.result, case.incident, case.incident.ticket_id, detail)


class _Application:
    """The steps of one `apply_alerts`, which share what was read."""

    def __init__(self, alerts: Sequence[Alert], now: datetime) -> None:
        self.alerts, self.now = alerts, now
        self.cases: list[Case] = []
        self.newest: dict[tuple[str, str], Case] = {}  # by origin and key
        self.senders: dict[str, Sender] = {}
        self.windows: list[MaintenanceWindow] = []

    def run(self) -> list[Outcome]:
        origins = {alert.origin for alert in self.alerts}
        lock_origins(origins)
        self.senders = read_senders(origins, self.alerts)
        self.windows = list(MaintenanceWindow.objects.at(self.now))
        self._read()
        told = [self._hear(alert) for alert in self.alerts]
        write_cases(self.cases, now=self.now)
        return [one.outcome() for one in told]

    def _read(self) -> None:
        """Read the incidents that the alerts are about and, of those whose state may change, lock the tickets."""
        keys = {(alert.origin, alert.key) for alert in self.alerts if not self._refusal(alert)}
        known = Incident.objects.latest_of(keys)
        changing = {
            key
            for alert in self.alerts
            if (key := (alert.origin, alert.key)) in known and not _repeats(alert, known[key])
        }
        tickets: dict[int | None, Ticket | None] = {None: None}
        while wanted := {known[k].ticket_id for k in changing if k in known} - tickets.keys():
            tickets |= dict.fromkeys(wanted) | {t.pk: t for t in lock(pk for pk in wanted if pk)}
            # Until we had the locks, people may have ended, merged or deleted some of them.
            fresh = Incident.objects.latest_of(changing)
            known = {k: i for k, i in known.items() if k not in changing} | fresh
        for key, incident in known.items():
            ticket = tickets.get(incident.ticket_id)
            self._add(key, Case(self.senders[incident.origin], incident, ticket))

    def _add(self, key: tuple[str, str], case: Case) -> None:
        self.newest[key] = case
        self.cases.append(case)

    def _refusal(self, alert: Alert) -> str:
        """Why this can be no incident's alert; "" when it can."""
        if alert.origin not in self.senders:
            return f"There is no {alert.origin} any more."
        if not alert.key.strip() or len(alert.key) > KEY_MAX or clean(alert.key) != alert.key:
            return f"key: must be text of 1 to {KEY_MAX} characters."
        return ""

    def _hear(self, alert: Alert) -> _Heard:
        if refusal := self._refusal(alert):
            return _Heard(Result.IGNORED, None, refusal)
        sender, key = self.senders[alert.origin], (alert.origin, alert.key)
        case = self.newest.get(key)
        known = case.problem if case else None
        at = min(alert.at, self.now)  # a clock that is ahead would outdo what comes after it
        received = alert.received_at
        if case and case.ticket and case.ticket.status == Status.CANCELLED:
            received = None  # that it fires on was known, and is not to be worked on
        after, step = heard(
            known,
            alert.action,
            at=at,
            now=self.now,
            rules=sender.rules,
            began=alert.began,
            received_at=received,
        )
        if after is None:
            return _Heard(Result.IGNORED, None, "Nothing is open to acknowledge.")
        if alert.action is Action.TRIGGER and step is not Step.IGNORE:
            return self._fire(alert, case, after, step)
        if case is None:
            self._add(key, Case.begin(sender, alert, after))
            return _Heard(Result.IGNORED, self.newest[key], "It was not known to be open.")
        why = _why_ignored(alert.action, case.problem)
        case.problem = after
        if step is Step.ACKNOWLEDGE and case.has_ticket:
            case.acknowledged = True
        elif step in (Step.IGNORE, Step.ACKNOWLEDGE):
            return _Heard(Result.IGNORED, case, why)
        return _Heard(_RESULTS[step], case, _when(after))

    def _fire(self, alert: Alert, case: Case | None, after: Problem, step: Step) -> _Heard:
        sender = self.senders[alert.origin]
        window = next((w for w in self.windows if w.covers(alert.all_labels)), None)
        if case and case.has_ticket and step is Step.REOPEN:
            # Work that was announced opens no ticket, and reopens none.
            step = Step.REOPEN if not window and case.can_reopen(self.now) else Step.OPEN
        if case and case.has_ticket and step is not Step.OPEN:
            case.problem = after
            case.fire(alert)
            return _Heard(_RESULTS[step], case, _STILL if case.still_fires else "")
        ticket = sender.ticket_of(alert, self.now)
        if not isinstance(ticket, TicketIn):
            return _Heard(Result.IGNORED, case, sentence(ticket))
        if case is None or step is Step.OPEN:
            if case is not None:
                case.problem = replace(case.problem, dismissed_at=None)
            case = Case.begin(sender, alert, Problem(State.FIRING, after.last_at))
            self._add((alert.origin, alert.key), case)
        else:
            case.problem = after
        case.fire(alert)
        if window is None:
            case.open(ticket)
            return _Heard(Result.CREATED, case)
        case.hold(ticket)
        until = f"{window.ends_at:%Y-%m-%d %H:%M} UTC"
        return _Heard(Result.IGNORED, case, f"Maintenance until {until}: {window.title}")


def _repeats(alert: Alert, incident: Incident) -> bool:
    """Whether `alert` says only what is known: then the ticket does not change."""
    firing = incident.state == IncidentState.FIRING and incident.ticket_id is not None
    return firing and alert.action is Action.TRIGGER and not graver_in(alert, incident)


def _why_ignored(action: Action, problem: Problem) -> str:
    if action is Action.ACKNOWLEDGE:
        over = problem.state is State.RESOLVED
        return "It is over." if over else "Maintenance: it has no ticket yet."
    if action is Action.TRIGGER:
        if ended := problem.dismissed_at:
            return f"It began before {ended:%Y-%m-%d %H:%M:%S} UTC, when its ticket was ended."
        return f"It was said before {problem.last_at:%Y-%m-%d %H:%M:%S} UTC, when it was over."
    if problem.state is State.FIRING:
        return f"It fired again at {problem.last_at:%Y-%m-%d %H:%M:%S} UTC, after that."
    return "It is over already."


def _when(problem: Problem) -> str:
    at = problem.resolve_at
    return f"Resolved at {at:%Y-%m-%d %H:%M:%S} UTC if it stays well." if at else ""
