"""Writes to servers, alerts and incidents. One public function is one transaction; all take lists."""

from servers.services.following import follow_tickets
from servers.services.happenings import event_findings, follow_events, forget_old_events
from servers.services.incidents import apply_alerts
from servers.services.settling import forget_old_marks, settle_incidents
from servers.services.storms import StormOver, adopt, dissolve_storm, watch_storms

__all__ = [
    "StormOver",
    "adopt",
    "apply_alerts",
    "dissolve_storm",
    "event_findings",
    "follow_events",
    "follow_tickets",
    "forget_old_events",
    "forget_old_marks",
    "settle_incidents",
    "watch_storms",
]
