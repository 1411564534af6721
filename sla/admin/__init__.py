from sla.admin import calendars, config, policies

__all__ = ["calendars", "config", "policies"]
