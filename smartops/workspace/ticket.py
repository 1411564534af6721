"""`/tickets/{id}/`: one ticket with everything that belongs to it. Its script exchanges the parts that changed."""

from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from servers.models import Incident
from smartops.workspace.clocks import acknowledged_until, clocks_of
from smartops.workspace.filters import Words
from smartops.workspace.listing import desk, views_of
from smartops.workspace.past import decisions, history, thread
from tickets.lifecycle import LIVE, Status
from tickets.models import Category, Priority, Ticket
from tickets.services.changing import allowed_moves

_FAMILY: Final = 50
_INCIDENTS: Final = 5
#: What a move is called on its button.
_MOVES: Final = {
    Status.OPEN: "Reopen",
    Status.IN_PROGRESS: "Start work",
    Status.ON_HOLD: "Put on hold",
    Status.RESOLVED: "Resolve",
    Status.CLOSED: "Close",
    Status.CANCELLED: "Cancel",
}


@require_safe
def ticket_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The page, or with `parts` in its address only what can have changed since it was painted."""
    user = request.user
    if not user.has_perm("tickets.view_ticket"):
        raise PermissionDenied
    visible, now = Ticket.objects.visible_to(user), timezone.now()
    ticket = get_object_or_404(visible.with_names(), pk=pk)
    goes_on = ticket.merged_into_id is None
    may_change = user.has_perm("tickets.change_ticket") and goes_on
    context = {
        "title": f"#{ticket.pk} {ticket.title}",
        "ticket": ticket,
        "sla": ticket.sla_state(now).value,
        "may_change": may_change,
        "may_comment": user.has_perm("tickets.add_comment") and goes_on,
        "may_attach": user.has_perm("tickets.add_attachment") and goes_on,
        "may_remove": user.has_perm("tickets.delete_attachment"),
        "moves": _moves(ticket, now) if may_change else [],
        "mine": ticket.assignee_id == user.pk,
        "priorities": [(p.value, p.label) for p in Priority],
        "categories": Category.objects.order_by("name").values_list("slug", "name"),
        **thread(request, ticket),
        **history(request, ticket, visible),
        **decisions(request, ticket),
        **_family(ticket, visible),
        **_clocks(request, ticket, now),
        **_incidents(request, ticket),
    }
    if "parts" in request.GET:
        return TemplateResponse(request, "workspace/parts.html", context)
    context |= {"desk": desk(request, Words.read(user), {}, ""), "views": views_of(request)}
    return TemplateResponse(request, "workspace/ticket.html", context)


def _moves(ticket: Ticket, now: datetime) -> list[tuple[str, str]]:
    status = Status(ticket.status)
    labels = {**_MOVES, Status.OPEN: "Back to open"} if not ticket.has_ended else _MOVES
    return [(move.value, labels[move]) for move in allowed_moves(ticket, status, now)]


def _family(ticket: Ticket, visible: Any) -> dict[str, Any]:
    """Tickets that this one has to do with, of those that the asker sees."""
    near = [pk for pk in (ticket.parent_id, ticket.merged_into_id) if pk is not None]
    related = {other.pk: other for other in visible.filter(pk__in=near)} if near else {}
    children = list(visible.filter(parent=ticket).order_by("pk")[: _FAMILY + 1])
    merged = list(visible.filter(merged_into=ticket).order_by("pk")[: _FAMILY + 1])
    many = len(merged) > _FAMILY
    return {
        "parent": related.get(ticket.parent_id),
        "merged_into": related.get(ticket.merged_into_id),
        "children": children[:_FAMILY],
        "more_children": len(children) > _FAMILY,
        "open_children": visible.filter(parent=ticket, status__in=LIVE).count() if children else 0,
        "merged": merged[:_FAMILY],
        "more_merged": visible.filter(merged_into=ticket).count() - _FAMILY if many else 0,
    }


def _clocks(request: HttpRequest, ticket: Ticket, now: datetime) -> dict[str, Any]:
    if not request.user.has_perm("sla.view_slaclock"):
        return {}
    clocks = clocks_of(ticket, now)
    return {
        "clocks": clocks,
        "acknowledged_until": acknowledged_until(clocks, now),
        "may_acknowledge": request.user.has_perm("tickets.change_ticket")
        and any(clock.reading.running for clock in clocks),
    }


def _incidents(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """The problems of servers behind the ticket."""
    if not request.user.has_perm("servers.view_incident"):
        return {}
    incidents = Incident.objects.filter(ticket=ticket).select_related("server", "integration")
    return {"incidents": incidents.order_by("-pk")[:_INCIDENTS]}


#: Who is not signed in is sent to the admin's login and comes back.
page = admin.site.admin_view(ticket_page)
