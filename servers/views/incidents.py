"""`incidents/` to read, and `maintenance-windows/`."""

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from servers.models import Incident, IncidentState, MaintenanceWindow, Server
from servers.serializers.incidents import (
    SHOWN,
    CoverSerializer,
    IncidentDetailSerializer,
    IncidentSerializer,
    MaintenanceWindowSerializer,
)
from servers.services import maintenance
from tickets.filters import WordsFilter, one_of
from tickets.pagination import NewestCursor

_MOST = 2**63 - 1


class IncidentFilter(filters.FilterSet):
    state = WordsFilter(
        read=one_of(IncidentState.values), label=f"Any of: {', '.join(IncidentState.values)}"
    )
    origin = filters.ChoiceFilter(
        choices=[("server", "server"), ("integration", "integration")], method="by_origin"
    )
    server = filters.CharFilter(field_name="server__name", label="Name")
    integration = filters.CharFilter(field_name="integration__name", label="Name")
    ticket = filters.NumberFilter(field_name="ticket_id", min_value=0, max_value=_MOST)
    flapping = filters.BooleanFilter(
        field_name="flapping_since", lookup_expr="isnull", exclude=True
    )
    suppressed = filters.BooleanFilter()
    since = filters.IsoDateTimeFilter(
        field_name="first_at", lookup_expr="gte", label="Began at this time or later"
    )

    class Meta:
        model = Incident
        fields: list[str] = []

    def by_origin(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(origin__startswith=f"{value}:")


class IncidentViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Incident]
):
    """Problems of servers and of what monitoring watches: each is one ticket's reason."""

    queryset = Incident.objects.none()
    serializer_class = IncidentSerializer
    pagination_class = NewestCursor
    filterset_class = IncidentFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "servers.view_incident"}

    def get_queryset(self) -> Any:
        rows = Incident.objects.visible_to(self.request.user)
        return rows.select_related("server", "integration", "ticket")

    @extend_schema(responses=IncidentDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One incident, with its ticket and that ticket's history."""
        return Response(IncidentDetailSerializer(self.get_object()).data)


class MaintenanceWindowFilter(filters.FilterSet):
    active = filters.BooleanFilter(method="by_activity", label="Whether it holds now")

    class Meta:
        model = MaintenanceWindow
        fields: list[str] = []

    def by_activity(self, queryset: Any, name: str, value: bool) -> Any:
        now = MaintenanceWindow.objects.at(timezone.now()).values("pk")
        return queryset.filter(pk__in=now) if value else queryset.exclude(pk__in=now)


class MaintenanceWindowViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[MaintenanceWindow],
):
    """Announced work: what breaks meanwhile opens no ticket; what recovers still closes its own."""

    queryset = MaintenanceWindow.objects.all()
    serializer_class = MaintenanceWindowSerializer
    pagination_class = NewestCursor
    filterset_class = MaintenanceWindowFilter
    lookup_value_regex = r"\d{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permissions = {
        "GET": "servers.view_maintenancewindow",
        "POST": "servers.add_maintenancewindow",
        "PATCH": "servers.change_maintenancewindow",
        "DELETE": "servers.delete_maintenancewindow",
    }

    @extend_schema(
        request=MaintenanceWindowSerializer, responses={201: MaintenanceWindowSerializer}
    )
    def create(self, request: Request) -> Response:
        """Announce work."""
        form = MaintenanceWindowSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        window = maintenance.create_window(
            values=form.validated_data, actor=request.user.get_username()
        )
        return Response(MaintenanceWindowSerializer(window).data, status=201)

    @extend_schema(request=MaintenanceWindowSerializer, responses=MaintenanceWindowSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a window. What it covers no longer, and still fires, gets its ticket within seconds."""
        window = self.get_object()
        form = MaintenanceWindowSerializer(window, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        maintenance.change_window(window=window, values=form.validated_data)
        return Response(MaintenanceWindowSerializer(window).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Call it off. What fires gets its ticket within seconds."""
        maintenance.delete_windows(ids=[self.get_object().pk])
        return Response(status=204)

    @extend_schema(request=CoverSerializer, responses=CoverSerializer, filters=False)
    @action(detail=False, methods=["POST"])
    def preview(self, request: Request) -> Response:
        """Which servers a window with these labels would cover. Writes nothing."""
        form = CoverSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        covered = Server.objects.labelled(form.validated_data["labels"]).order_by("name")
        names = list(covered.values_list("name", flat=True)[:SHOWN])
        return Response({"count": covered.count(), "servers": names})
