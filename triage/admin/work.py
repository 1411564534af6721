"""Jobs, and what a ticket's page shows of its triage."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from tickets.admin.lists import BoundedPaginator
from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket
from triage import services
from triage.models import TriageDecision, TriageJob
from triage.reading import explained
from workers.admin import ReadOnly

NAMED = 5000  # tickets in one list of them


@admin.register(TriageJob)
class TriageJobAdmin(ReadOnly, ModelAdmin):
    list_display = ("id", "ticket", "state", "attempts", "error", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("ticket",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    actions = ("try_again",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(request.user)

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[TriageJob]) -> None:
        count = services.retry_jobs(
            jobs=list(queryset), actor=request.user.get_username(), now=timezone.now()
        )
        self.message_user(request, f"{count} failed jobs will be tried again.", messages.SUCCESS)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("triage.add_triagejob")


def decision_panel(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """The newest decision about a ticket, with the rules that it names."""
    decision = TriageDecision.objects.filter(ticket=ticket).order_by("-pk").first()
    return {"decision": None} if decision is None else explained(decision)


def too_many(
    model_admin: TicketAdmin, request: HttpRequest, queryset: QuerySet[Ticket], instead: str
) -> bool:
    """Whether more tickets are chosen than one transaction shall lock; a message says what to do `instead`."""
    if len(queryset.order_by().values_list("pk", flat=True)[: NAMED + 1]) <= NAMED:
        return False
    told = f"More than {NAMED:,} tickets are chosen: {instead}."
    model_admin.message_user(request, told, messages.WARNING)
    return True


@admin.action(description="Triage again", permissions=["change"])
def triage_again(
    model_admin: TicketAdmin, request: HttpRequest, queryset: QuerySet[Ticket]
) -> None:
    if too_many(model_admin, request, queryset, "use “Triage these again” below the list"):
        return
    batch = services.retriage(
        ids=list(queryset.values_list("pk", flat=True)), requested_by=request.user.get_username()
    )
    count = batch.total_items if batch else 0
    model_admin.message_user(request, f"{count} tickets will be triaged again.", messages.SUCCESS)


TicketAdmin.panels.append(decision_panel)
TicketAdmin.list_after_template = "admin/triage/triage_these.html"
TicketAdmin.actions = (*TicketAdmin.actions, triage_again)  # type: ignore[assignment]
