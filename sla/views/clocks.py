"""A ticket's clocks, their acknowledgement, and the tickets by how they stand towards their deadlines."""

from datetime import timedelta
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sla import reading, services
from sla.serializers.clocks import (
    AcknowledgedSerializer,
    AcknowledgeSerializer,
    DashboardSerializer,
    TicketSlaSerializer,
    show_clock,
)
from tickets.models import SlaState, Ticket
from tickets.serializers import show

#: The states of older watchdogs; their alert includes the breaches.
_STATES = {
    "ok": [SlaState.OK],
    "alert": [SlaState.WARNING, SlaState.BREACHED],
    "breach": [SlaState.BREACHED],
}
MOST = 1000


class TicketSlaView(APIView):
    permissions = {"GET": "sla.view_slaclock"}

    @extend_schema(responses=TicketSlaSerializer)
    def get(self, request: Request, ticket_id: int) -> Response:
        """Every clock of the ticket: state, deadline, and each counted or skipped interval with its reason."""
        ticket = get_object_or_404(Ticket.objects.visible_to(request.user), pk=ticket_id)
        now = timezone.now()
        clocks = reading.clock_readings(ticket, now)
        return Response(
            {
                "ticket_id": ticket.pk,
                "sla_state": ticket.sla_state(now).value,
                "due_at": ticket.due_at,
                "escalation_level": ticket.escalation_level,
                "follows": ticket.parent_id,
                "clocks": [show_clock(clock) for clock in clocks],
                "alerts": reading.alerts(clocks),
            }
        )


class AcknowledgeView(APIView):
    permissions = {"POST": "tickets.change_ticket"}

    @extend_schema(request=AcknowledgeSerializer, responses=AcknowledgedSerializer)
    def post(self, request: Request, ticket_id: int) -> Response:
        """Say that the ticket was seen: its following levels of escalation wait until that runs out."""
        ticket = get_object_or_404(Ticket.objects.visible_to(request.user), pk=ticket_id)
        asked = AcknowledgeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        minutes = asked.validated_data["minutes"]
        until = services.acknowledge(
            ids=[ticket.pk],
            actor=request.user.get_username(),
            lasting=timedelta(minutes=minutes) if minutes else None,
        )
        return Response({"ticket_id": ticket.pk, "acknowledged_until": until})


class DashboardView(APIView):
    permissions = {"GET": "tickets.view_ticket"}

    @extend_schema(
        responses=DashboardSerializer,
        parameters=[
            OpenApiParameter("state", str, enum=list(_STATES), description="alert: breach, too"),
            OpenApiParameter("offset", int, description="How many to leave out; 0 to 10000"),
            OpenApiParameter(
                "limit", int, description="At most so many; 1 to 1000, 100 unless told"
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """Tickets with a running clock, the most pressing first; those on hold are in the list by `sla_state`."""
        state = request.query_params.get("state")
        if state is not None and state not in _STATES:
            raise ValidationError(
                {"state": [f"{state!r} is unknown. Use one of: {', '.join(_STATES)}."]}
            )
        offset = _number(request, "offset", 0, 0, 10_000)
        limit = _number(request, "limit", 100, 1, MOST)
        wanted = _STATES[state] if state else [SlaState.OK, SlaState.WARNING, SlaState.BREACHED]
        tickets = (
            Ticket.objects.visible_to(request.user)
            .filter(due_at__isnull=False)
            .in_sla_states(wanted, timezone.now())
            .with_names()
            .order_by("due_at", "id")[offset : offset + limit]
        )
        found: list[dict[str, Any]] = [show(ticket) for ticket in tickets]
        return Response({"state": state, "offset": offset, "limit": limit, "tickets": found})


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    if not text.isdecimal() or len(text) > 9 or not least <= int(text) <= most:
        raise ValidationError({name: [f"Use a number from {least} to {most}."]})
    return int(text)
