from analytics.admin import exports, reports

__all__ = ["exports", "reports"]
