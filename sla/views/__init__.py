"""The watch's part of the API."""

from sla.views.escalations import EscalationViewSet

__all__ = ["EscalationViewSet"]
