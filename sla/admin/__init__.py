from sla.admin import calendars, config, escalations, notifications, panel, policies

__all__ = ["calendars", "config", "escalations", "notifications", "panel", "policies"]
