"""The figures as JSON."""

from analytics.views.figures import (
    DashboardRoutingView,
    DashboardSummaryView,
    DepartmentView,
    OpenedView,
    PerformanceView,
    SummaryView,
    TrendsView,
)

__all__ = [
    "DashboardRoutingView",
    "DashboardSummaryView",
    "DepartmentView",
    "OpenedView",
    "PerformanceView",
    "SummaryView",
    "TrendsView",
]
