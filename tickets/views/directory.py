"""`departments/`, `groups/`, `categories/`, `statuses/`: the words that tickets are sorted by."""

from typing import Any

from django.db.models import Count, Q
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.filters import TicketFilter
from tickets.lifecycle import CATEGORY, Status
from tickets.lifecycle import Category as StatusCategory
from tickets.models import Category, Department, SupportGroup, Ticket
from tickets.naming import find_row
from tickets.pagination import TicketCursor
from tickets.querysets import hidden_department_ids
from tickets.serializers import (
    CategorySerializer,
    DepartmentSerializer,
    GroupSerializer,
    StatusesSerializer,
    TicketSerializer,
    all_moves,
    show,
)

_UNRESOLVED = [status for status in Status if CATEGORY[status] is not StatusCategory.RESOLVED]


class DepartmentViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Department]
):
    """Departments that the asker may see."""

    queryset = Department.objects.none()
    serializer_class = DepartmentSerializer
    pagination_class = None
    filterset_class: Any = None
    lookup_field = "name"
    lookup_value_regex = "[^/]+"
    permissions = {"GET": "tickets.view_department", "tickets": "tickets.view_ticket"}

    def get_queryset(self) -> Any:
        unresolved = Count("tickets", filter=Q(tickets__status__in=_UNRESOLVED))
        visible = Department.objects.visible_to(self.request.user)
        return visible.annotate(open_tickets=unresolved).prefetch_related("groups").order_by("name")

    def get_object(self) -> Department:
        found: Department | None = find_row(self.get_queryset(), self.kwargs["name"])
        if found is None:
            raise Http404
        return found

    @extend_schema(responses=TicketSerializer(many=True))
    @action(
        detail=True,
        url_path="tickets",
        pagination_class=TicketCursor,
        filterset_class=TicketFilter,
        queryset=Ticket.objects.none(),
    )
    def tickets(self, request: Request, name: str) -> Response:
        """The department's tickets; takes the filters of `tickets/`."""
        department = self.get_object_of(name)
        tickets: Any = (
            Ticket.objects.visible_to(request.user).with_names().filter(department=department)
        )
        page = self.paginate_queryset(self.filter_queryset(tickets))
        return self.get_paginated_response([show(ticket) for ticket in page or ()])

    def get_object_of(self, name: str) -> Department:
        found: Department | None = find_row(Department.objects.visible_to(self.request.user), name)
        if found is None:
            raise Http404
        return found


class GroupViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[SupportGroup]):
    """Support groups of the departments that the asker may see."""

    queryset = SupportGroup.objects.none()
    serializer_class = GroupSerializer
    pagination_class = None
    permissions = {"GET": "tickets.view_supportgroup"}

    def get_queryset(self) -> Any:
        hidden = hidden_department_ids(self.request.user)
        return (
            SupportGroup.objects.exclude(department__in=hidden)
            .select_related("department")
            .order_by("name")
        )


class CategoryViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Category]):
    """What tickets can be about."""

    queryset = Category.objects.order_by("slug")
    serializer_class = CategorySerializer
    pagination_class = None
    permissions = {"GET": "tickets.view_category"}


class StatusViewSet(viewsets.GenericViewSet[Ticket]):
    """Every status, what it means to a clock, and the moves from it."""

    queryset = Ticket.objects.none()
    serializer_class = StatusesSerializer
    pagination_class = None
    permissions = {"GET": "tickets.view_ticket"}

    @extend_schema(responses=StatusesSerializer(many=True))
    def list(self, request: Request) -> Response:
        moves = all_moves()
        return Response(
            [
                {"status": s.value, "category": CATEGORY[s].value, "moves": moves[s.value]}
                for s in Status
            ]
        )
