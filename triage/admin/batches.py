"""Batches with their progress, and the page that asks for one from the filters of the ticket list."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.views import ChangeList

from tickets.admin.lists import BoundedPaginator, link, row_number
from tickets.filters import WrongFilters
from tickets.models import Category, Department, SupportGroup
from tickets.querysets import hidden_department_ids
from triage import services
from triage.models import TriageBatch, TriageJob
from workers.admin import ReadOnly
from workers.errors import PermanentError

BADGES: Final = {"DONE": "success", "RUNNING": "info", "QUEUED": "warning", "FAILED": "danger"}
#: Of the list's address: what chooses no tickets.
_IGNORED: Final = {"o", "p", "all", "_facets", "_changelist_filters"}


class BatchList(ChangeList):
    """One query tells how far all batches of a page are."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        with_progress(self.result_list)


def with_progress(batches: list[Any]) -> None:
    progress = TriageJob.objects.progress_of([batch.pk for batch in batches])
    for batch in batches:
        batch.progress = progress[batch.pk]


@admin.register(TriageBatch)
class TriageBatchAdmin(ReadOnly, ModelAdmin):
    list_display = (
        *("id", "status", "how_far", "total_items", "failed", "chosen", "requested_by"),
        "created_at",
    )
    list_filter = ("created_at",)
    search_fields = ("requested_by",)
    ordering = ("-id",)
    list_per_page = 20  # every batch of a page has its jobs counted
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = (
        *("status", "how_far", "total_items", "done", "failed", "jobs", "chosen", "owner_id"),
        *("requested_by", "created_at", "ended", "error"),
    )
    readonly_fields = fields
    actions = ("retry",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return BatchList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        batch = super().get_object(request, object_id, from_field)
        if batch is not None:
            with_progress([batch])
        return batch

    @display(description="Status", label=BADGES)
    def status(self, batch: Any) -> str:
        return str(batch.status(batch.progress))

    @admin.display(description="Progress")
    def how_far(self, batch: Any) -> str:
        forecast = batch.forecast(batch.progress, timezone.now())
        left = forecast["seconds_left"]
        rest = f", {_minutes(left)} left" if left else ""
        return f"{forecast['percent']:.0f} %{rest}"

    @admin.display(description="Done")
    def done(self, batch: Any) -> int:
        return int(batch.progress.done)

    @admin.display(description="Failed")
    def failed(self, batch: Any) -> int:
        return int(batch.progress.failed)

    @admin.display(description="Jobs")
    def jobs(self, batch: TriageBatch) -> Any:
        url = reverse("admin:triage_triagejob_changelist")
        return link(f"{url}?batch__id__exact={batch.pk}", "Show")

    @admin.display(description="Tickets")
    def chosen(self, batch: TriageBatch) -> str:
        if batch.filters is None:
            return "named one by one"
        return in_words(batch.filters)

    @admin.display(description="Ended")
    def ended(self, batch: Any) -> Any:
        return batch.ended_at(batch.progress)

    @admin.action(description="Retry what failed", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[TriageBatch]) -> None:
        for batch in queryset:
            try:
                count = services.retry_batch(
                    batch=batch, actor=request.user.get_username(), now=timezone.now()
                )
                self.message_user(
                    request, f"{batch}: {count} jobs will be tried again.", messages.SUCCESS
                )
            except PermanentError as error:
                self.message_user(request, f"{batch}: {error}", messages.WARNING)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("triage.add_triagejob")

    def get_urls(self) -> list[Any]:
        ask = self.admin_site.admin_view(self.ask)
        return [path("ask/", ask, name="triage_triagebatch_ask"), *super().get_urls()]

    def ask(self, request: HttpRequest) -> HttpResponse:
        """Say how many tickets the filters of the ticket list choose; when confirmed, triage them again."""
        if not request.user.has_perm("triage.add_triagejob"):
            raise PermissionDenied
        hidden = hidden_department_ids(request.user)
        try:
            filters = translated(request.GET.dict(), request.user.get_username())
            if request.method == "POST":
                batch = services.retriage_chosen(
                    filters=filters,
                    hidden_departments=hidden,
                    requested_by=request.user.get_username(),
                )
                return self._answer(request, batch)
            count = services.chosen_tickets(filters=filters, hidden_departments=hidden).count()
        except WrongFilters as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:tickets_ticket_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Triage {count:,} tickets again",
            "count": count,
            "chosen": in_words(filters),
            "query": request.GET.urlencode(),
            "opts": TriageBatch._meta,
        }
        return TemplateResponse(request, "admin/triage/triagebatch/ask.html", context)

    def _answer(self, request: HttpRequest, batch: TriageBatch | None) -> HttpResponse:
        if batch is None:
            self.message_user(request, "No ticket is chosen.", messages.WARNING)
            return HttpResponseRedirect(reverse("admin:tickets_ticket_changelist"))
        self.message_user(
            request, f"{batch.total_items:,} tickets will be triaged again.", messages.SUCCESS
        )
        return HttpResponseRedirect(reverse("admin:triage_triagebatch_change", args=[batch.pk]))


def in_words(filters: Mapping[str, str]) -> str:
    named = [f"{name.replace('_', ' ')}: {value}" for name, value in filters.items()]
    return "; ".join(named) or "all tickets"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _name_of(model: Any, column: str = "name") -> Callable[[str], str]:
    def read(pk: str) -> str:
        row = model.objects.filter(pk=row_number(pk) or 0).first()
        return str(getattr(row, column)) if row else pk

    return read


#: A filter of the ticket list in the admin -> the API's filter, and its value there.
_NAMES: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "q": ("q", str),
    "status__exact": ("status", str),
    "priority__exact": ("priority", str),
    "department": ("department", _name_of(Department)),
    "group__id__exact": ("group", _name_of(SupportGroup)),
    "category__id__exact": ("category", _name_of(Category, "slug")),
    "customer_tier__exact": ("tier", str),
    "triage_status__exact": ("triage_status", str),
    "sla": ("sla_state", str),
    "assigned": ("assignee", str),
    "opened_at__gte": ("opened_after", str),
    "opened_at__lt": ("opened_before", str),
}


def translated(query: Mapping[str, str], asker: str) -> dict[str, str]:
    """The ticket list's address as the API's filters.

    :raises WrongFilters: a filter has no counterpart there; leaving it out would choose more.
    """
    filters = {}
    for key, value in query.items():
        if key in _IGNORED or not value:
            continue
        if key not in _NAMES:
            raise WrongFilters(
                {key: ["This filter of the list cannot be used here: remove it first."]}
            )
        name, read = _NAMES[key]
        filters[name] = read(value)
    people = {"me": asker, "nobody": "none"}
    if "assignee" in filters:
        filters["assignee"] = people.get(filters["assignee"], filters["assignee"])
    return filters
