"""`report-schedules/` and `report-deliveries/`: reports by mail."""

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.models import ReportDelivery, ReportSchedule
from analytics.serializers.reports import ReportDeliverySerializer, ReportScheduleSerializer
from analytics.services import scheduling
from tickets.pagination import HistoryCursor, NewestCursor
from tickets.schema import DeletedSerializer
from workers.leases import State


class ReportScheduleViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ReportSchedule]
):
    """Reports that are sent by mail, daily, weekly or monthly."""

    queryset = ReportSchedule.objects.none()
    serializer_class = ReportScheduleSerializer
    pagination_class = HistoryCursor
    filterset_class: Any = None
    lookup_value_regex = r"\d{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permissions = {
        "GET": "analytics.view_reportschedule",
        "POST": "analytics.add_reportschedule",
        "PATCH": "analytics.change_reportschedule",
        "DELETE": "analytics.delete_reportschedule",
        "send": "analytics.change_reportschedule",
    }

    def get_queryset(self) -> Any:
        rows = ReportSchedule.objects.visible_to(self.request.user)
        return rows.select_related("department").prefetch_related("people")

    @extend_schema(responses={201: ReportScheduleSerializer})
    def create(self, request: Request) -> Response:
        """Have a report sent from now on."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = scheduling.save_schedule(schedule=None, values=form.validated_data, by=request.user)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(responses=ReportScheduleSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given. Another time holds from now on; what was sent is not sent again."""
        schedule = self.get_object()
        form = self.get_serializer(schedule, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        scheduling.save_schedule(schedule=schedule, values=form.validated_data, by=request.user)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={200: DeletedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a schedule with the record of what it sent."""
        schedule = self.get_object()
        scheduling.remove_schedule(schedule=schedule)
        return Response({"message": f"Report schedule {schedule.name!r} deleted successfully"})

    @extend_schema(request=None, responses={202: ReportDeliverySerializer})
    @action(detail=True, methods=["POST"], pagination_class=None)
    def send(self, request: Request, pk: str) -> Response:
        """Send the report of the last whole period now, beside what the schedule sends."""
        made = scheduling.send_now(
            schedule=self.get_object(), by=request.user.get_username(), now=timezone.now()
        )
        made.refresh_from_db()
        return Response(ReportDeliverySerializer(made).data, status=202)


class DeliveryFilter(filters.FilterSet):
    schedule = filters.NumberFilter(field_name="schedule_id", min_value=1, max_value=2**63 - 1)
    state = filters.ChoiceFilter(choices=State.choices)

    class Meta:
        model = ReportDelivery
        fields: list[str] = []


class ReportDeliveryViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ReportDelivery]
):
    """Reports that were sent, newest first, and to whom."""

    queryset = ReportDelivery.objects.none()
    serializer_class = ReportDeliverySerializer
    pagination_class = NewestCursor
    filterset_class: Any = DeliveryFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "analytics.view_reportdelivery"}

    def get_queryset(self) -> Any:
        visible = ReportSchedule.objects.visible_to(self.request.user)
        return ReportDelivery.objects.filter(schedule__in=visible).select_related("schedule")
