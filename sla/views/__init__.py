from sla.views.clocks import AcknowledgeView, DashboardView, TicketSlaView
from sla.views.escalations import EscalationViewSet
from sla.views.notifications import ChannelRouteViewSet, ChannelViewSet, NotificationViewSet

__all__ = [
    "AcknowledgeView",
    "ChannelRouteViewSet",
    "ChannelViewSet",
    "DashboardView",
    "EscalationViewSet",
    "NotificationViewSet",
    "TicketSlaView",
]
