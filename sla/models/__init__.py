"""The tables of the watch: what is promised, what runs, what was escalated, who is told."""

from sla.models.clock import ClockEvent, ClockKind, ClockState, Escalation, SlaClock
from sla.models.config import ConfigFile
from sla.models.notification import (
    Channel,
    ChannelKind,
    ChannelRoute,
    DeliveryAttempt,
    MessageKind,
    Notification,
    NotificationState,
    Outcome,
)
from sla.models.policy import BusinessCalendar, SlaPolicy, SlaPolicyVersion, Source

__all__ = [
    "BusinessCalendar",
    "Channel",
    "ChannelKind",
    "ChannelRoute",
    "ClockEvent",
    "ClockKind",
    "ClockState",
    "DeliveryAttempt",
    "ConfigFile",
    "Escalation",
    "MessageKind",
    "Notification",
    "NotificationState",
    "Outcome",
    "SlaClock",
    "SlaPolicy",
    "SlaPolicyVersion",
    "Source",
]
