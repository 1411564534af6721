"""`/tickets/{id}/`: one ticket with everything that belongs to it. Its script exchanges the parts that changed."""

from collections import defaultdict
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
from smartops.workspace.history import lines
from smartops.workspace.listing import desk, views_of
from tickets.lifecycle import LIVE, Status
from tickets.models import Attachment, Comment, Ticket, TicketEvent
from tickets.services.changing import allowed_moves
from triage.admin.work import explained
from triage.models import TriageDecision

_EVENTS: Final = 100
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
        "desk": desk(request, Words.read(user), {}, ""),
        "views": views_of(request),
        **_thread(request, ticket, visible),
        **_family(ticket, visible),
        **_clocks(request, ticket, now),
        **_decision(request, ticket),
    }
    return TemplateResponse(request, "workspace/ticket.html", context)


def _moves(ticket: Ticket, now: datetime) -> list[tuple[str, str]]:
    status = Status(ticket.status)
    labels = {**_MOVES, Status.OPEN: "Back to open"} if not ticket.has_ended else _MOVES
    return [(move.value, labels[move]) for move in allowed_moves(ticket, status, now)]


def _thread(request: HttpRequest, ticket: Ticket, visible: Any) -> dict[str, Any]:
    """Comments with their files, other files, and the history: what the asker may read of it."""
    user, files = request.user, defaultdict(list)
    if user.has_perm("tickets.view_attachment"):
        for file in Attachment.objects.filter(ticket=ticket).order_by("pk"):
            files[file.comment_id].append(file)
    comments, events = [], []
    if user.has_perm("tickets.view_comment"):
        told = Comment.objects.filter(ticket=ticket).order_by("pk")
        comments = [{"comment": comment, "files": files[comment.pk]} for comment in told]
    if user.has_perm("tickets.view_ticketevent"):
        found = TicketEvent.objects.of(ticket, visible).order_by("-pk")[: _EVENTS + 1]
        events = lines(found)
    return {
        "comments": comments,
        "files": files[None],
        "events": events[:_EVENTS],
        "more_events": len(events) > _EVENTS,
    }


def _family(ticket: Ticket, visible: Any) -> dict[str, Any]:
    """Tickets that this one has to do with, of those that the asker sees."""
    near = [pk for pk in (ticket.parent_id, ticket.merged_into_id) if pk is not None]
    related = {other.pk: other for other in visible.filter(pk__in=near)} if near else {}
    children = list(visible.filter(parent=ticket).order_by("pk")[: _FAMILY + 1])
    return {
        "parent": related.get(ticket.parent_id),
        "merged_into": related.get(ticket.merged_into_id),
        "children": children[:_FAMILY],
        "more_children": len(children) > _FAMILY,
        "open_children": visible.filter(parent=ticket, status__in=LIVE).count() if children else 0,
        "merged": list(visible.filter(merged_into=ticket).order_by("pk")[:_FAMILY]),
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


def _decision(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """The newest decision, explained, and the problems of servers behind the ticket."""
    told: dict[str, Any] = {}
    if request.user.has_perm("triage.view_triagedecision"):
        decision = TriageDecision.objects.filter(ticket=ticket).order_by("-pk").first()
        told = explained(decision) if decision else {}
    if request.user.has_perm("servers.view_incident"):
        incidents = Incident.objects.filter(ticket=ticket).select_related("server", "integration")
        told["incidents"] = incidents.order_by("-pk")[:_INCIDENTS]
    return told


#: Who is not signed in is sent to the admin's login and comes back.
page = admin.site.admin_view(ticket_page)
