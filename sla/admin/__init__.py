from sla.admin import panel

__all__ = ["panel"]
