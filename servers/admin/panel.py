"""What a ticket's page shows of the problems that it is about."""

from typing import Any

from django.http import HttpRequest

from servers.models import Incident
from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket

SHOWN = 5


def incidents_panel(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    if not request.user.has_perm("servers.view_incident"):
        return {}
    found = Incident.objects.filter(ticket=ticket).select_related("server", "integration")
    return {"incidents": found.order_by("-pk")[:SHOWN]}


TicketAdmin.panels.append(incidents_panel)
