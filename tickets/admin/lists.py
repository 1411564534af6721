"""The ticket list: columns, filters, search, pages."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from unfold.decorators import display

from tickets.models import Department, SlaState, Ticket, TriageStatus
from tickets.querysets import TicketQuerySet
from tickets.words import short_age

COUNTED = 10_000
SHOWN = 70  # characters of a title: two lines on a phone


def link(address: str, text: str) -> SafeString:
    """A link in a cell."""
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text
    )


def row_number(text: str) -> int | None:
    """The number of a row as somebody typed it, `#4711` too; None if it is none that a table could have."""
    number = text.strip().removeprefix("#")
    return int(number) if number.isdecimal() and len(number) < 19 else None


class BoundedPaginator(Paginator):
    """Counts up to 10,000 rows: counting a million for every page would take longer than showing it."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk", flat=True)[:COUNTED])


class TicketNumberSearch:
    """Search of a list of things that belong to tickets."""

    search_fields = ("ticket__id",)
    search_help_text = "The ticket's number"

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        number = row_number(search_term)
        return queryset.none() if number is None else queryset.filter(ticket=number), False


class DepartmentFilter(admin.SimpleListFilter):
    title = "department"
    parameter_name = "department"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            (str(row.pk), row.name)
            for row in Department.objects.visible_to(request.user).order_by("name")
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        value = self.value()
        number = row_number(value or "")
        return queryset if number is None else queryset.filter(department=number)


class AssigneeFilter(admin.SimpleListFilter):
    title = "assignee"
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("me", "Me"), ("nobody", "Nobody")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        if self.value() == "me":
            return queryset.filter(assignee=request.user.pk)
        return queryset.filter(assignee__isnull=True) if self.value() == "nobody" else queryset


class SlaFilter(admin.SimpleListFilter):
    title = "SLA"
    parameter_name = "sla"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.value.capitalize()) for state in SlaState]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        known = value in SlaState.values
        return queryset.in_sla_states([value], timezone.now()) if known else queryset


_DUE = '<span class="whitespace-nowrap" data-due="{}" data-short>{}</span>'
_DUE_SOON = (
    '<span class="whitespace-nowrap text-orange-700 dark:text-orange-400"'
    ' data-due="{}" data-short>{}</span>'
)
_OVERDUE = '<span class="whitespace-nowrap text-red-700 dark:text-red-500" data-due="{}" data-short>{}</span>'
_MISSED = '<span class="block text-xs text-red-700 dark:text-red-500">missed one</span>'


class TicketColumns:
    """How the list shows a ticket."""

    @display(description="Title", ordering="title")
    def short_title(self, ticket: Ticket) -> Any:
        """Real titles may be whole mails: two or three lines of them, the rest under the pointer."""
        short = Truncator(ticket.title).chars(SHOWN)
        return format_html('<span class="block min-w-52" title="{}">{}</span>', ticket.title, short)

    @display(
        description="Status",
        ordering="status",
        label={
            "open": "info",
            "in_progress": "primary",
            "on_hold": "warning",
            "resolved": "success",
        },
    )
    def status_badge(self, ticket: Ticket) -> Any:
        return ticket.status, ticket.get_status_display()

    @display(
        description="Priority",
        ordering="priority",
        label={"P1": "danger", "P2": "warning", "P3": "info"},
    )
    def priority_badge(self, ticket: Ticket) -> Any:
        return f"P{ticket.priority}" if ticket.priority else None

    @display(
        description="Triage",
        ordering="triage_status",
        label={
            TriageStatus.COMPLETED: "success",
            TriageStatus.NEEDS_REVIEW: "warning",
            TriageStatus.FAILED: "danger",
        },
    )
    def triage_badge(self, ticket: Ticket) -> Any:
        sure = "" if ticket.confidence is None else f" {ticket.confidence:.0%}"
        return ticket.triage_status, f"{ticket.get_triage_status_display()}{sure}"

    @display(description="Due", ordering="due_at")
    def sla_badge(self, ticket: Ticket) -> Any:
        """The next deadline as a live countdown, and whether one was missed already."""
        now, due = timezone.now(), ticket.due_at
        missed = mark_safe(_MISSED) if ticket.sla_breached else ""
        if due is None:
            return missed or ("paused" if ticket.sla_state(now) is SlaState.PAUSED else "")
        said = due.isoformat(), date_format(due, "j M H:i")
        if due <= now:
            return format_html(_OVERDUE, *said)
        soon = ticket.warn_at is not None and ticket.warn_at <= now
        return format_html("{}{}", format_html(_DUE_SOON if soon else _DUE, *said), missed)

    @display(description="Age", ordering="-opened_at")
    def age(self, ticket: Ticket) -> str:
        return short_age((timezone.now() - ticket.opened_at).total_seconds())


def search(queryset: TicketQuerySet, text: str) -> QuerySet[Ticket]:
    """Tickets by number (`#12`, `12`), by the sender's id, or by their words."""
    number = row_number(text)
    if number is not None:
        named = text.strip().removeprefix("#")
        return queryset.filter(pk=number) | queryset.filter(external_id=named)
    found = queryset.filter(external_id=text.strip())
    return found if found.exists() else queryset.filter(pk__in=queryset.ranked(text).values("pk"))
