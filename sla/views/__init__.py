from sla.views.clocks import AcknowledgeView, DashboardView, TicketSlaView
from sla.views.notifications import ChannelRouteViewSet, ChannelViewSet, NotificationViewSet

__all__ = [
    "AcknowledgeView",
    "ChannelRouteViewSet",
    "ChannelViewSet",
    "DashboardView",
    "NotificationViewSet",
    "TicketSlaView",
]
