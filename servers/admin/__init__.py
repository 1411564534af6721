"""Servers, incidents and where alerts come from, in the admin."""

from servers.admin import fleet, incidents, integrations, mail, panel, storms, watch

__all__ = ["fleet", "incidents", "integrations", "mail", "panel", "storms", "watch"]
