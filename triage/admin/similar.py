"""Similar tickets on a ticket's page, probable duplicates in the list, and when tickets count as such."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket
from triage.models import DuplicatePolicy
from triage.similar import similar_to
from workers.admin import FixedRows


@admin.register(DuplicatePolicy)
class DuplicatePolicyAdmin(FixedRows, ModelAdmin):
    list_display = ("__str__", "suggest_from", "merge_from")
    fields = ("suggest_from", "merge_from")


class ProbableDuplicates(admin.SimpleListFilter):
    title = "probable duplicates"
    parameter_name = "duplicate"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Not merged yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        if self.value() != "yes":
            return queryset
        return queryset.filter(terms__probable__isnull=False, merged_into=None)


def similar_panel(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """The tickets most like this one; a merged one has no need of them."""
    goes_on = ticket.merged_into_id is None
    visible = Ticket.objects.visible_to(request.user)
    return {
        "similar": similar_to(ticket, among=visible, now=timezone.now()) if goes_on else [],
        "may_merge": goes_on and request.user.has_perm("tickets.change_ticket"),
    }


TicketAdmin.panels.append(similar_panel)
TicketAdmin.list_filter = (*TicketAdmin.list_filter, ProbableDuplicates)  # type: ignore[assignment]
