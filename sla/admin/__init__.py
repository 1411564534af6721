from sla.admin import calendars, config, notifications, panel, policies

__all__ = ["calendars", "config", "notifications", "panel", "policies"]
