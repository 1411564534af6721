"""`route/` and `routing/`: sending tickets by hand, and what routing has done."""

from typing import Any

from django.db.models import Avg, Count
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets import services
from tickets.models import Ticket, TicketEvent
from tickets.serializers import (
    NewRouteSerializer,
    RouteSerializer,
    RoutingHistorySerializer,
    RoutingStatisticsSerializer,
    TicketSerializer,
    show,
)


class RouteView(APIView):
    permissions = {"POST": "tickets.change_ticket", "PUT": "tickets.change_ticket"}

    @extend_schema(
        operation_id="route_create", request=NewRouteSerializer, responses=TicketSerializer
    )
    def post(self, request: Request) -> Response:
        """Send a ticket to a department by hand."""
        return self._route(request, NewRouteSerializer(data=request.data))

    @extend_schema(operation_id="route_update", request=RouteSerializer, responses=TicketSerializer)
    def put(self, request: Request, ticket_id: int) -> Response:
        """Send a ticket somewhere else."""
        return self._route(request, RouteSerializer(data=request.data), ticket_id)

    def _route(self, request: Request, form: Any, ticket_id: int | None = None) -> Response:
        form.is_valid(raise_exception=True)
        wish = form.validated_data
        visible = Ticket.objects.visible_to(request.user)
        ticket = get_object_or_404(visible, pk=wish.get("ticket_id", ticket_id))
        services.route_tickets(
            ids=[ticket.pk],
            department=wish["department"],
            group=wish["group"],
            confidence=wish["confidence_score"] / 100,
            reason=wish["reason"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        return Response(show(get_object_or_404(Ticket.objects.with_names(), pk=ticket.pk)))


class RoutingHistoryView(APIView):
    permissions = {"GET": "tickets.view_ticketevent"}

    @extend_schema(responses=RoutingHistorySerializer)
    def get(self, request: Request, ticket_id: int) -> Response:
        """Each time the ticket got a department, oldest first."""
        ticket = get_object_or_404(Ticket.objects.visible_to(request.user), pk=ticket_id)
        events = TicketEvent.objects.filter(ticket=ticket, changes__has_key="department").order_by(
            "pk"
        )
        history = [
            {
                "from_department": event.changes["department"][0],
                "department": event.changes["department"][1],
                "group": event.changes.get("group", [None, None])[1],
                "confidence": event.changes.get("confidence", [None, None])[1],
                "rerouted": event.changes["department"][0] is not None,
                "by": event.actor,
                "reason": event.reason,
                "at": event.at,
            }
            for event in events
        ]
        return Response({"ticket_id": ticket.pk, "count": len(history), "history": history})


class RoutingStatisticsView(APIView):
    permissions = {"GET": "tickets.view_ticket"}

    @extend_schema(responses=RoutingStatisticsSerializer)
    def get(self, request: Request) -> Response:
        """How many tickets each department has, and how sure the routing was (0-100)."""
        rows = (
            Ticket.objects.visible_to(request.user)
            .filter(department__isnull=False)
            .values_list("department__name")
            .annotate(number=Count("pk"), confidence=Avg("confidence"))
            .order_by("department__name")
        )
        total = sum(number for _, number, _ in rows)
        known = [(number, confidence) for _, number, confidence in rows if confidence is not None]
        overall = sum(n * c for n, c in known) / sum(n for n, _ in known) if known else None
        return Response(
            {
                "total_routings": total,
                "department_distribution": {name: number for name, number, _ in rows},
                "department_percentages": {
                    name: round(100 * number / total, 2) for name, number, _ in rows
                },
                "average_confidence_by_department": {
                    name: _percent(value) for name, _, value in rows
                },
                "overall_average_confidence": _percent(overall),
            }
        )


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)
