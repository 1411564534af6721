"""What people said about decisions of triage, and the buttons with which they say that it was right."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter

from tickets.admin.lists import BoundedPaginator
from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket
from triage import services
from triage.admin.work import too_many
from triage.models import Correction
from workers.admin import ReadOnly


@admin.register(Correction)
class CorrectionAdmin(ReadOnly, ModelAdmin):
    """Read-only. Each column is a plain value, as a table that is copied out of the page needs it."""

    list_display = (
        *("id", "at", "by", "ticket_number", "field", "before", "value", "agreed"),
        *("band", "confidence", "via", "undone_at"),
    )
    list_filter = ("field", "agreed", "band", "via", ("at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("by",)
    search_help_text = "Login name"
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False

    @admin.display(description="ticket", ordering="ticket_id")
    def ticket_number(self, row: Correction) -> int:
        return row.ticket_id

    def get_queryset(self, request: HttpRequest) -> Any:
        return Correction.objects.visible_to(request.user).order_by(*self.get_ordering(request))


def _confirm(request: HttpRequest, ids: list[int]) -> int:
    done = services.review_tickets(
        ids=ids, values={}, by=request.user.get_username(), now=timezone.now(), via="ticket"
    )
    return len(done)


def press_confirm(request: HttpRequest, ticket: Ticket) -> str:
    if not _confirm(request, [ticket.pk]):
        raise ValueError("Triage has not decided yet.")
    return "Confirmed: triage learns from it."


@admin.action(description="Confirm what triage decided", permissions=["change"])
def confirm_triage(
    model_admin: TicketAdmin, request: HttpRequest, queryset: QuerySet[Ticket]
) -> None:
    if too_many(model_admin, request, queryset, "confirm what you have looked at"):
        return
    count = _confirm(request, list(queryset.values_list("pk", flat=True)))
    model_admin.message_user(request, f"{count} tickets confirmed.", messages.SUCCESS)


TicketAdmin.steps["confirm"] = press_confirm
TicketAdmin.actions = (*TicketAdmin.actions, confirm_triage)  # type: ignore[assignment]
