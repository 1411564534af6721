"""Schedules of reports, with a preview, and what they sent."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from analytics.models import ReportDelivery, ReportSchedule
from analytics.services import delivering, scheduling
from analytics.services.reporting import NotCounted
from tickets.admin.fields import LISTS_ON_ONE_LINE
from tickets.admin.lists import BoundedPaginator, link
from tickets.models import Department
from workers.admin import ReadOnly
from workers.leases import State

STATES = {"pending": "info", "running": "info", "done": "success", "failed": "danger"}


class ReportScheduleForm(forms.ModelForm):
    #: Set for each request by the admin.
    person: Any = None

    class Meta:
        model = ReportSchedule
        fields = (
            *("name", "enabled", "frequency", "weekday", "hour", "time_zone", "department"),
            *("people", "addresses", "attach_tickets"),
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        before = ReportSchedule.objects.filter(pk=self.instance.pk).first()
        for name, why in scheduling.problems(data, by=self.person, schedule=before).items():
            self.add_error(name, why)
        return data


@admin.register(ReportSchedule)
class ReportScheduleAdmin(ModelAdmin):
    form = ReportScheduleForm
    formfield_overrides = LISTS_ON_ONE_LINE
    list_display = (
        *("name", "enabled", "frequency", "at", "department", "attach_tickets", "last_sent"),
        "show_preview",
    )
    list_filter = ("enabled", "frequency")
    list_select_related = ("department",)
    search_fields = ("name",)
    ordering = ("name",)
    autocomplete_fields = ("people",)
    actions = ("send_now",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        sent = ReportDelivery.objects.filter(schedule=OuterRef("pk"), state=State.DONE)
        newest = sent.order_by("-pk").values("finished_at")[:1]
        return rows.visible_to(request.user).annotate(sent_at=Subquery(newest))

    def get_fields(self, request: HttpRequest, obj: ReportSchedule | None = None) -> Any:
        return (*ReportScheduleForm.Meta.fields, *(("show_preview",) if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: ReportSchedule | None = None) -> Any:
        return ("show_preview",) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.person = request.user
        return form

    def formfield_for_foreignkey(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if field.name == "department":
            kwargs["queryset"] = Department.objects.visible_to(request.user).order_by("name")
        return super().formfield_for_foreignkey(field, request, **kwargs)

    @admin.display(description="When")
    def at(self, schedule: ReportSchedule) -> str:
        days = {"week": f"{schedule.get_weekday_display()}s", "month": "on the 1st"}
        day = days.get(schedule.frequency, "every day")
        return f"{day} at {schedule.hour}:00 {schedule.time_zone}"

    @admin.display(description="Last sent")
    def last_sent(self, schedule: ReportSchedule) -> Any:
        return getattr(schedule, "sent_at", None)

    @admin.display(description="Preview")
    def show_preview(self, schedule: ReportSchedule) -> Any:
        where = reverse("admin:analytics_reportschedule_preview", args=[schedule.pk])
        return link(where, "Preview, send now…")

    def save_model(
        self, request: HttpRequest, obj: ReportSchedule, form: Any, change: bool
    ) -> None:
        before = ReportSchedule.objects.get(pk=obj.pk) if change else None
        names = form.changed_data if change else ReportScheduleForm.Meta.fields
        values = {name: form.cleaned_data[name] for name in names if name in form.cleaned_data}
        obj.pk = scheduling.save_schedule(schedule=before, values=values, by=request.user).pk

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """The service wrote who gets it."""

    @admin.action(description="Send now", permissions=["change"])
    def send_now(self, request: HttpRequest, queryset: QuerySet[ReportSchedule]) -> None:
        for schedule in queryset:
            self._send(request, schedule)

    def _send(self, request: HttpRequest, schedule: ReportSchedule) -> None:
        scheduling.send_now(schedule=schedule, by=request.user.get_username(), now=timezone.now())
        self.message_user(request, f"{schedule} is being sent.", messages.SUCCESS)

    def get_urls(self) -> list[Any]:
        view, own = self.admin_site.admin_view, "analytics_reportschedule"
        press = view(require_POST(self._press_send))
        return [
            path("<int:pk>/preview/", view(self._preview), name=f"{own}_preview"),
            path("<int:pk>/send/", press, name=f"{own}_send"),
            *super().get_urls(),
        ]

    def _schedule(self, request: HttpRequest, pk: int) -> ReportSchedule:
        if not self.has_view_permission(request):
            raise PermissionDenied
        schedule: ReportSchedule | None = self.get_object(request, str(pk))
        if schedule is None:
            raise Http404
        return schedule

    def _preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        schedule = self._schedule(request, pk)
        try:
            letter = delivering.preview(schedule=schedule, reader=request.user, now=timezone.now())
        except NotCounted as error:
            self.message_user(request, f"{error} Try again in a minute.", messages.WARNING)
            return HttpResponseRedirect(reverse("admin:analytics_reportschedule_changelist"))
        except delivering.MayNotRead as error:
            raise PermissionDenied(str(error)) from None
        context = {
            **self.admin_site.each_context(request),
            "title": f"Preview of {schedule}",
            "subject": letter.subject,
            "html": letter.html,
            "schedule": schedule,
            "may_send": self.has_change_permission(request, schedule),
            "opts": ReportSchedule._meta,
        }
        return TemplateResponse(request, "admin/analytics/reportschedule/preview.html", context)

    def _press_send(self, request: HttpRequest, pk: int) -> HttpResponse:
        schedule = self._schedule(request, pk)
        if not self.has_change_permission(request, schedule):
            raise PermissionDenied
        self._send(request, schedule)
        return HttpResponseRedirect(reverse("admin:analytics_reportdelivery_changelist"))


class VisibleSchedules(admin.RelatedFieldListFilter):
    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        visible = ReportSchedule.objects.visible_to(request.user).order_by("name")
        return list(visible.values_list("pk", "name"))


@admin.register(ReportDelivery)
class ReportDeliveryAdmin(ReadOnly, ModelAdmin):
    list_display = ("id", "schedule", "about", "state_badge", "receivers", "error", "finished_at")
    list_filter = ("state", ("schedule", VisibleSchedules))
    list_select_related = ("schedule",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = (
        *("schedule", "about", "requested_by", "state_badge", "sent_to", "not_sent_to", "error"),
        *("created_at", "finished_at"),
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        visible = ReportSchedule.objects.visible_to(request.user)
        return super().get_queryset(request).filter(schedule__in=visible)

    @admin.display(description="About")
    def about(self, delivery: ReportDelivery) -> str:
        return delivery.period.in_words()

    @display(description="State", label=STATES)
    def state_badge(self, delivery: ReportDelivery) -> str:
        return delivery.state

    @admin.display(description="Sent to")
    def receivers(self, delivery: ReportDelivery) -> str:
        return ", ".join(delivery.sent_to)

    @admin.display(description="Not sent to")
    def not_sent_to(self, delivery: ReportDelivery) -> str:
        return " ".join(f"{who}: {why}" for who, why in delivery.left_out.items())
