"""Alerts: the escalations that people hear of. Who may see which, and how one reads on the live feed."""

import json
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from sla.messages import sla_type
from sla.models import Escalation
from tickets.querysets import hidden_department_ids

STATES: Final = {False: "alert", True: "breach"}

_COLUMNS: Final = (
    *("id", "ticket_id", "clock__metric", "breach", "elapsed_minutes", "target_minutes"),
    *("percent_used", "detected_at", "level", "threshold", "priority", "customer_tier"),
    *("department_id", "department__name", "ticket__department_id"),
)


class Alert(NamedTuple):
    id: int
    #: The departments that one may not be shut out of to see it: the ticket's of that moment and of now.
    departments: frozenset[int]
    #: The message, made once for all who get it.
    text: str


def visible_escalations(user: Any) -> QuerySet[Escalation]:
    """Escalations outside the restricted departments that `user` is no member of, with what their lists show."""
    return outside(hidden_department_ids(user)).select_related("clock", "department")


def outside(hidden: Any) -> QuerySet[Escalation]:
    """Escalations of tickets that were not in these departments, and are not now."""
    rows = Escalation.objects.all()
    for column in ("department", "ticket__department"):
        if hidden:
            rows = rows.filter(Q(**{f"{column}__isnull": True}) | ~Q(**{f"{column}__in": hidden}))
    return rows


def alerts_after(last_id: int, *, most: int) -> list[Alert]:
    """The oldest `most` alerts later than `last_id`, in order: one query."""
    rows = Escalation.objects.filter(pk__gt=last_id, skipped=False)
    return [_alert(*row) for row in rows.order_by("pk").values_list(*_COLUMNS)[:most]]


def alerts_between(
    after: int, last: int, *, most: int, hidden: frozenset[int] = frozenset()
) -> tuple[list[Alert], int]:
    """The newest `most` alerts later than `after` up to `last`, in order, outside `hidden` departments.

    And the id of the newest one that is left out because they are more; 0 when none is.
    """
    rows = outside(hidden).filter(pk__gt=after, pk__lte=last, skipped=False)
    found = [_alert(*row) for row in rows.order_by("-pk").values_list(*_COLUMNS)[: most + 1]]
    left_out = found[most].id if len(found) > most else 0
    return found[:most][::-1], left_out


def _alert(
    pk: int,
    ticket: int,
    metric: str,
    breach: bool,
    elapsed: float,
    target: float,
    percent: float,
    detected_at: datetime,
    level: int,
    threshold: str,
    priority: int | None,
    tier: str,
    department_id: int | None,
    department: str | None,
    department_now: int | None,
) -> Alert:
    message = {
        "type": "alert",
        "id": pk,
        "ticket_id": ticket,
        "sla_type": sla_type(metric),
        "state": STATES[breach],
        "details": {
            "elapsed_minutes": elapsed,
            "target_minutes": target,
            "percent_used": percent,
        },
        "timestamp": detected_at.isoformat().replace("+00:00", "Z"),
        "level": level,
        "threshold": threshold,
        "priority": priority,
        "customer_tier": tier,
        "department": department,
    }
    departments = frozenset(pk for pk in (department_id, department_now) if pk is not None)
    return Alert(pk, departments, json.dumps(message))
