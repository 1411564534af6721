"""Writes of the watch. One public function is one transaction, unless it says that it joins the caller's."""

from sla.services.acknowledging import NothingToAcknowledge, acknowledge
from sla.services.auditing import audit, findings
from sla.services.checking import check_clocks
from sla.services.clocks import follow, set_deadlines, start_clocks

__all__ = [
    "NothingToAcknowledge",
    "acknowledge",
    "audit",
    "check_clocks",
    "findings",
    "follow",
    "set_deadlines",
    "start_clocks",
]
