"""`analytics/` and `dashboard/`: what the desk knows, in figures. docs/metrics.md defines each."""

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.departments import department_figures
from analytics.opened import PERIODS, opened
from analytics.performance import performance
from analytics.serializers.asking import DATED, PARTED, SCOPED, asked_in
from analytics.serializers.figures import (
    DashboardRoutingSerializer,
    DashboardSummarySerializer,
    DepartmentFiguresSerializer,
    OpenedSerializer,
    PerformanceSerializer,
    TicketSummarySerializer,
    TrendsSerializer,
)
from analytics.summaries import dashboard, routing, summary
from analytics.trends import trends
from tickets.models import Department
from tickets.naming import find_row
from workers.replica import read


class FiguresView(APIView):
    """Who may see tickets may see how many there are; restricted departments' only, who sees those."""

    permissions = {"GET": "tickets.view_ticket"}


class SummaryView(FiguresView):
    @extend_schema(parameters=[*SCOPED, *DATED, *PARTED], responses=TicketSummarySerializer)
    def get(self, request: Request) -> Response:
        """Tickets by category, priority, department, group, agent, status and tier; what came and went."""
        asked = asked_in(request, timezone.now())
        return Response(read(lambda: summary(asked.scope, asked.period, asked.by)))


class DashboardSummaryView(FiguresView):
    @extend_schema(parameters=SCOPED, responses=DashboardSummarySerializer)
    def get(self, request: Request) -> Response:
        """The few figures of a dashboard's head."""
        now = timezone.now()
        asked = asked_in(request, now)
        return Response(read(lambda: dashboard(asked.scope, now)))


class DashboardRoutingView(FiguresView):
    @extend_schema(parameters=[*SCOPED, *DATED], responses=DashboardRoutingSerializer)
    def get(self, request: Request) -> Response:
        """Where tickets went, how sure the routing was (percent), and what came to each department lately."""
        asked = asked_in(request, timezone.now())
        return Response(read(lambda: routing(asked.scope, asked.period)))


class PerformanceView(FiguresView):
    @extend_schema(parameters=[*SCOPED, *DATED, *PARTED], responses=PerformanceSerializer)
    def get(self, request: Request) -> Response:
        """Times (seconds), kept promises and rates (percent) of a period, beside the period before."""
        asked = asked_in(request, timezone.now())
        return Response(read(lambda: performance(asked.scope, asked.period, asked.by)))


class TrendsView(FiguresView):
    @extend_schema(parameters=[*SCOPED, *DATED, *PARTED], responses=TrendsSerializer)
    def get(self, request: Request) -> Response:
        """Each day of the time zone: created, resolved, reopened, breaches, and the backlog at its end."""
        asked = asked_in(request, timezone.now())
        return Response(read(lambda: trends(asked.scope, asked.period, asked.by)))


class OpenedView(FiguresView):
    @extend_schema(
        parameters=[
            *SCOPED,
            OpenApiParameter("period", str, enum=list(PERIODS), description="all unless told"),
        ],
        responses=OpenedSerializer,
    )
    def get(self, request: Request) -> Response:
        """Tickets that were opened in the last day, week (7 days) or month (30 days), or ever."""
        period = request.query_params.get("period") or "all"
        if period not in PERIODS:
            raise ValidationError(
                {"period": [f"{period[:40]!r} is unknown. Use one of: {', '.join(PERIODS)}."]}
            )
        now = timezone.now()
        asked = asked_in(request, now)
        if PERIODS[period] is not None:  # as of now, which a replica does not know
            return Response(opened(asked.scope, period, now))
        return Response(read(lambda: opened(asked.scope, period, now)))


class DepartmentView(FiguresView):
    @extend_schema(parameters=DATED, responses=DepartmentFiguresSerializer)
    def get(self, request: Request, name: str) -> Response:
        """One department: its tickets by status, priority and category, and its performance."""
        found = find_row(Department.objects.visible_to(request.user), name)
        if found is None:
            raise Http404
        asked = asked_in(request, timezone.now(), department=found.name)
        return Response(read(lambda: department_figures(found.name, asked.scope, asked.period)))
