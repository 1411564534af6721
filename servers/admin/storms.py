"""Storms to read, the button that dissolves one, and what a ticket's page shows of its storm."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display

from servers.models import Storm
from servers.services.storms import dissolve_storm
from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket
from workers.admin import ReadOnly
from workers.errors import PermanentError


@admin.register(Storm)
class StormAdmin(ReadOnly, ModelAdmin):
    list_display = (
        *("id", "shares", "state_badge", "ticket", "incidents_count", "usual"),
        *("started_at", "last_at", "ended_at"),
    )
    list_display_links = ("id", "shares")
    list_filter = ("state", "started_at")
    list_select_related = ("ticket",)
    ordering = ("-id",)
    fields = (
        *("ticket", "state", "why", "labels", "title", "expected", "observed"),
        *("incidents_count", "started_at", "last_at", "ended_at"),
    )
    actions = ("dissolve",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return Storm.objects.visible_to(request.user)

    def has_dissolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tickets.change_ticket")

    @admin.action(
        description="Dissolve: it was no storm, its tickets go on alone", permissions=["dissolve"]
    )
    def dissolve(self, request: HttpRequest, queryset: QuerySet[Storm]) -> None:
        actor, now = request.user.get_username(), timezone.now()
        for storm in queryset:
            try:
                dissolve_storm(storm=storm, actor=actor, now=now)
                self.message_user(request, f"Storm {storm.pk} is dissolved.", messages.SUCCESS)
            except PermanentError as error:
                self.message_user(request, str(error), messages.ERROR)

    @display(description="What they share")
    def shares(self, storm: Storm) -> str:
        return str(storm)

    @display(
        description="State",
        ordering="state",
        label={"active": "danger", "calm": "warning", "ended": "success", "dissolved": "info"},
    )
    def state_badge(self, storm: Storm) -> str:
        return storm.state

    @display(description="Usual", ordering="expected")
    def usual(self, storm: Storm) -> str:
        return f"{storm.expected:.1f}"


def storm_panel(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    if not request.user.has_perm("servers.view_storm"):
        return {}
    return {"storm": Storm.objects.filter(ticket=ticket).order_by("-pk").first()}


TicketAdmin.panels.append(storm_panel)
