"""What was escalated, to read: nobody writes or removes an escalation by hand."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from sla.alerts import visible_escalations
from sla.models import Escalation
from tickets.admin.lists import BoundedPaginator, TicketNumberSearch
from workers.admin import ReadOnly


@admin.register(Escalation)
class EscalationAdmin(ReadOnly, TicketNumberSearch, ModelAdmin):
    list_display = (
        *("id", "ticket", "metric", "state", "level", "threshold", "used", "department"),
        *("detected_at", "acknowledged_by"),
    )
    list_filter = ("breach", "level", "clock__metric", "customer_tier", "skipped", "detected_at")
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return visible_escalations(request.user).select_related("clock", "ticket", "department")

    @display(description="Promise", ordering="clock__metric")
    def metric(self, escalation: Escalation) -> str:
        return escalation.clock.get_metric_display()

    @display(
        description="State",
        ordering="breach",
        label={"breach": "danger", "warning": "warning", "skipped": "info"},
    )
    def state(self, escalation: Escalation) -> str:
        if escalation.skipped:
            return "skipped"
        return "breach" if escalation.breach else "warning"

    @display(description="Used", ordering="percent_used")
    def used(self, escalation: Escalation) -> str:
        return f"{escalation.percent_used:.0f} %"
