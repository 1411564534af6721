"""The watch's pages in the admin."""

from sla.admin.escalations import EscalationAdmin

__all__ = ["EscalationAdmin"]
