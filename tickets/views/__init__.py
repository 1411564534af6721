from tickets.views.attachments import AttachmentView, TicketAttachmentsView
from tickets.views.directory import CategoryViewSet, DepartmentViewSet, GroupViewSet, StatusViewSet
from tickets.views.routing import RouteView, RoutingHistoryView, RoutingStatisticsView
from tickets.views.tickets import TicketViewSet

__all__ = [
    "AttachmentView",
    "CategoryViewSet",
    "DepartmentViewSet",
    "GroupViewSet",
    "RouteView",
    "RoutingHistoryView",
    "RoutingStatisticsView",
    "StatusViewSet",
    "TicketAttachmentsView",
    "TicketViewSet",
]
