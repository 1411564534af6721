"""The tables of the watch: what is promised, what runs, what was escalated, who is told."""

from sla.models.clock import ClockEvent, ClockKind, ClockState, Escalation, SlaClock
from sla.models.config import ConfigFile
from sla.models.policy import BusinessCalendar, SlaPolicy, SlaPolicyVersion, Source

__all__ = [
    "BusinessCalendar",
    "ClockEvent",
    "ClockKind",
    "ClockState",
    "ConfigFile",
    "Escalation",
    "SlaClock",
    "SlaPolicy",
    "SlaPolicyVersion",
    "Source",
]
