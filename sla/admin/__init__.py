from sla.admin import notifications

__all__ = ["notifications"]
