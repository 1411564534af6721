from analytics.models.export import Export, ExportFormat, ExportPiece, ExportStatus
from analytics.models.report import Frequency, ReportDelivery, ReportSchedule, Weekday

__all__ = [
    "Export",
    "ExportFormat",
    "ExportPiece",
    "ExportStatus",
    "Frequency",
    "ReportDelivery",
    "ReportSchedule",
    "Weekday",
]
