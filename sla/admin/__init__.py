from sla.admin import notifications, panel

__all__ = ["notifications", "panel"]
