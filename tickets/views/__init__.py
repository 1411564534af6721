from tickets.views.attachments import AttachmentView, TicketAttachmentsView
from tickets.views.directory import CategoryViewSet, DepartmentViewSet, GroupViewSet, StatusViewSet
from tickets.views.routing import RouteView, RoutingHistoryView, RoutingStatisticsView
from tickets.views.saved import SavedViewViewSet
from tickets.views.tickets import TicketViewSet

__all__ = [
    "AttachmentView",
    "CategoryViewSet",
    "DepartmentViewSet",
    "GroupViewSet",
    "RouteView",
    "RoutingHistoryView",
    "RoutingStatisticsView",
    "SavedViewViewSet",
    "StatusViewSet",
    "TicketAttachmentsView",
    "TicketViewSet",
]
