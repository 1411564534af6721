from sla.views.clocks import AcknowledgeView, DashboardView, TicketSlaView
from sla.views.escalations import EscalationViewSet

__all__ = ["AcknowledgeView", "DashboardView", "EscalationViewSet", "TicketSlaView"]
