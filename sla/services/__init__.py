"""Writes of the watch. One public function is one transaction, unless it says that it joins the caller's."""

from sla.services.acknowledging import (
    NothingToAcknowledge,
    acknowledge,
    follow_acknowledgements,
)
from sla.services.auditing import audit, findings
from sla.services.channels import forget_old_notifications, notification_findings
from sla.services.checking import check_clocks
from sla.services.clocks import follow, set_deadlines, start_clocks
from sla.services.outbox import (
    announce_batch,
    announce_changes,
    announce_drift,
    announce_opened,
    announce_storm,
)
from sla.services.withdrawing import withdraw_created

__all__ = [
    "NothingToAcknowledge",
    "acknowledge",
    "announce_batch",
    "announce_changes",
    "announce_drift",
    "announce_opened",
    "announce_storm",
    "audit",
    "check_clocks",
    "findings",
    "follow",
    "follow_acknowledgements",
    "forget_old_notifications",
    "notification_findings",
    "set_deadlines",
    "start_clocks",
    "withdraw_created",
]
