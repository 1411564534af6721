"""Tables of analytics."""

from analytics.models.export import Export, ExportFormat, ExportPiece, ExportStatus
from analytics.models.report import Frequency, ReportDelivery, ReportSchedule, Weekday
from analytics.models.rollups import (
    ChangedTicket,
    CountScope,
    Dimension,
    FlowCount,
    FlowKind,
    Grain,
    RollupState,
    TicketCount,
    TicketFact,
    TicketFlow,
)

__all__ = [
    "ChangedTicket",
    "CountScope",
    "Dimension",
    "Export",
    "ExportFormat",
    "ExportPiece",
    "ExportStatus",
    "FlowCount",
    "FlowKind",
    "Frequency",
    "Grain",
    "ReportDelivery",
    "ReportSchedule",
    "RollupState",
    "TicketCount",
    "TicketFact",
    "TicketFlow",
    "Weekday",
]
