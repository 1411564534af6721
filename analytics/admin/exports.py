"""Exports: how far they are, their files, and a way to ask for one from the list of tickets."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from analytics.answers import as_answer
from analytics.models import Export, ExportFormat
from analytics.services import exporting
from analytics.services.downloads import LinkRefused
from analytics.services.streaming import TooManyStreams
from tickets.admin.lists import BoundedPaginator, link
from tickets.admin.ticket import TicketAdmin
from tickets.filters import WrongFilters, choose
from tickets.models import Ticket
from triage.admin.batches import in_words, translated
from workers.admin import ReadOnly
from workers.errors import Gone, PermanentError
from workers.words import number_of

BADGES = {
    "queued": "warning",
    "running": "info",
    "done": "success",
    "failed": "danger",
    **dict.fromkeys(("cancelled", "expired"), "primary"),
}

TicketAdmin.list_after_template = "admin/analytics/below_tickets.html"


@admin.register(Export)
class ExportAdmin(ReadOnly, ModelAdmin):
    """People see their own; who may change exports sees all of them, and no files of others."""

    list_display = (
        *("id", "status_badge", "format", "chosen", "how_far", "file", "expires_at"),
        *("owner", "created_at"),
    )
    list_filter = ("format", "state")
    list_select_related = ("owner",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = (
        *("status_badge", "format", "chosen", "columns", "how_far", "file", "error", "owner"),
        *("attempts", "created_at", "finished_at", "expires_at"),
    )
    readonly_fields = fields
    actions = ("cancel", "remove")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request)
        if request.user.has_perm("analytics.change_export"):
            return rows
        return rows.filter(owner=request.user.pk)

    @display(description="Status", label=BADGES)
    def status_badge(self, export: Export) -> Any:
        return export.status.value, export.status.value.capitalize()

    @admin.display(description="Tickets")
    def chosen(self, export: Export) -> str:
        return in_words(export.filters)

    @admin.display(description="Progress")
    def how_far(self, export: Export) -> str:
        of = f" of {export.total:,}" if export.total is not None and not export.has_file else ""
        return f"{export.rows:,}{of} rows"

    @admin.display(description="File")
    def file(self, export: Export) -> Any:
        if not export.has_file:
            return ""
        size = filesizeformat(export.size)
        where = reverse("admin:analytics_export_download", args=[export.pk])
        return link(where, f"Download ({size})")

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Export]) -> None:
        for export in queryset:
            try:
                exporting.cancel_export(export=export, actor=request.user.get_username())
                self.message_user(request, f"{export} is cancelled.", messages.SUCCESS)
            except PermanentError as error:
                self.message_user(request, str(error), messages.WARNING)

    @admin.action(description="Remove, with the file", permissions=["cancel"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Export]) -> None:
        for export in queryset:
            exporting.remove_export(export=export)
            self.message_user(request, f"{export} is removed.", messages.SUCCESS)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("analytics.add_export")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("ask/", view(self._ask), name="analytics_export_ask"),
            path("<int:pk>/download/", view(self._download), name="analytics_export_download"),
            *super().get_urls(),
        ]

    def _download(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        export = get_object_or_404(Export, pk=pk, owner=request.user.pk)
        try:
            return as_answer(export, request)
        except Gone as error:
            raise Http404(str(error)) from None
        except LinkRefused as error:
            raise PermissionDenied(str(error)) from None
        except TooManyStreams as error:
            self.message_user(request, str(error), messages.WARNING)
            return HttpResponseRedirect(reverse("admin:analytics_export_changelist"))

    def _ask(self, request: HttpRequest) -> HttpResponse:
        """Say how many tickets the filters of the ticket list choose; when confirmed, have them exported."""
        if not request.user.has_perm("analytics.add_export"):
            raise PermissionDenied
        try:
            filters = translated(request.GET.dict(), request.user.get_username())
            count = choose(filters, Ticket.objects.visible_to(request.user)).count()
            wanted = request.POST.get("format", "")
            if request.method == "POST" and wanted in ExportFormat.values:
                exporting.request_export(owner=request.user, export_format=wanted, filters=filters)
                what = number_of(count, "ticket is", "tickets are")
                said = f"{what} being exported: reload this page for the file."
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:analytics_export_changelist"))
            if request.method == "POST":
                known = ", ".join(ExportFormat.values)
                self.message_user(request, f"Choose a format: {known}.", messages.ERROR)
        except (WrongFilters, PermanentError) as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:tickets_ticket_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Export {count:,} tickets",
            "count": count,
            "chosen": in_words(filters),
            "days": settings.EXPORT_DAYS,
            "formats": ExportFormat.choices,
            "query": request.GET.urlencode(),
            "opts": Export._meta,
        }
        return TemplateResponse(request, "admin/analytics/export/ask.html", context)
