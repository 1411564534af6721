"""Admin pages of analytics."""

from analytics.admin import exports, figures, reports

__all__ = ["exports", "figures", "reports"]
