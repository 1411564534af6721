"""The tables of the fleet and of alerts."""

from servers.models.incident import Incident, IncidentState, MaintenanceWindow
from servers.models.integration import Delivery, Integration, Source
from servers.models.mail import Mailbox, MailMessage, MailResult, Security
from servers.models.server import Cause, Environment, Kind, Role, Server, ServerEvent, ServerLink
from servers.models.simulation import PlannedMove, Simulation
from servers.models.storm import Storm, StormState
from servers.models.watch import Check, CheckKind, CheckResult, Heartbeat, Said

__all__ = [
    "Cause",
    "Check",
    "CheckKind",
    "CheckResult",
    "Delivery",
    "Environment",
    "Heartbeat",
    "Incident",
    "IncidentState",
    "Integration",
    "Kind",
    "MailMessage",
    "MailResult",
    "Mailbox",
    "MaintenanceWindow",
    "PlannedMove",
    "Role",
    "Security",
    "Said",
    "Server",
    "ServerEvent",
    "ServerLink",
    "Simulation",
    "Source",
    "Storm",
    "StormState",
]
