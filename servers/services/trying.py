"""What a body would become, tried with everything that would happen, and undone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from servers.alerts import Alert, Severity
from servers.models import Integration
from servers.services import incidents
from servers.services.incidents import Outcome, Result
from servers.services.integrations import sender_of
from servers.sources.raw import Ignored
from servers.sources.reading import read

#: From impact and urgency to a priority; `smartops/wiring.py` gives the desk's matrix.
PRIORITY_OF: Final[list[Callable[[int, int], int]]] = []


@dataclass(frozen=True)
class Trial:
    """One alert of a body. `ticket` is one that is there already; a new one has no number yet."""

    result: Result
    detail: str
    alert: Alert | None = None  # None: the product sent something that is no alert
    severity: Severity | None = None
    priority: int | None = None  # None: triage decides
    ticket: int | None = None


class _Undo(Exception):
    """Rolls the transaction back."""


def try_body(*, integration: Integration, body: bytes, now: datetime) -> list[Trial]:
    """Return what `body` would become now. Nothing is written.

    :raises Unreadable: no alerts can be made of it; the message names the field, or template and line.
    """
    found = read(sender_of(integration), body, delivery=0, received_at=now)
    alerts = [one.alert for one in found if not isinstance(one, Ignored)]
    outcomes = iter(_apply_and_undo(alerts, now))
    trials = []
    for one in found:
        if isinstance(one, Ignored):
            trials.append(Trial(Result.IGNORED, one.detail))
            continue
        outcome = next(outcomes)
        trials.append(
            Trial(
                outcome.result,
                outcome.detail,
                one.alert,
                one.severity,
                _priority(one.alert),
                None if outcome.result is Result.CREATED else outcome.ticket,
            )
        )
    return trials


def _apply_and_undo(alerts: list[Alert], now: datetime) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        with transaction.atomic():
            if alerts:
                outcomes = incidents.apply_alerts(alerts=alerts, now=now)
            raise _Undo
    except _Undo:
        return outcomes


def _priority(alert: Alert) -> int | None:
    if alert.impact is None or alert.urgency is None:
        return None
    return next((find(alert.impact, alert.urgency) for find in PRIORITY_OF), None)
