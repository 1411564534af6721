from sla.admin import escalations, panel

__all__ = ["escalations", "panel"]
