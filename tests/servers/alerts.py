"""Senders and their alerts, as tests need them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from servers.alerts import Action, Alert
from servers.models import Incident, Integration, MaintenanceWindow
from servers.services.incidents import Outcome, apply_alerts
from tests.factories import NOON


def make_integration(name: str = "Prometheus", **fields: Any) -> Integration:
    given = {"source": "generic", "key_hash": name, **fields}
    return Integration.objects.create(name=name, **given)


def alert(
    integration: Integration | None = None,
    action: Action = Action.TRIGGER,
    *,
    key: str = "disk",
    at: datetime = NOON,
    **fields: Any,
) -> Alert:
    origin = f"integration:{integration.pk if integration else 1}"
    return Alert(
        **{"origin": origin, "key": key, "action": action, "title": "Disk full", "at": at, **fields}
    )


def tell(*alerts: Alert, now: datetime | None = None) -> list[Outcome]:
    """Let the alerts come in together, when the last of them was sent."""
    return apply_alerts(alerts=alerts, now=now or max(one.at for one in alerts))


def later(**spans: float) -> datetime:
    return NOON + timedelta(**spans)


def make_incident(integration: Integration | None = None, **fields: Any) -> Incident:
    """A new problem, as an alert makes it."""
    sender = integration or make_integration(str(uuid4()))
    [outcome] = tell(alert(sender, **fields))
    assert outcome.incident is not None, outcome.detail
    return outcome.incident


def make_window(**fields: Any) -> MaintenanceWindow:
    given = {"title": "Power", "starts_at": NOON, "ends_at": later(hours=1), **fields}
    return MaintenanceWindow.objects.create(**{"labels": {"region": "eu-1"}, **given})
