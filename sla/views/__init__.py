from sla.views.clocks import AcknowledgeView, DashboardView, TicketSlaView

__all__ = ["AcknowledgeView", "DashboardView", "TicketSlaView"]
