"""Incidents to read, and maintenance windows, with what they cover."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from servers.models import Incident, MaintenanceWindow, Server
from servers.services import maintenance
from tickets.admin.lists import BoundedPaginator, TicketNumberSearch
from workers.admin import ReadOnly

SHOWN = 50


class OriginFilter(admin.SimpleListFilter):
    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("server", "Servers"), ("integration", "Integrations")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        kinds = [kind for kind, _ in self.lookups(request, None)]
        kind = self.value()
        return queryset.filter(origin__startswith=f"{kind}:") if kind in kinds else queryset


class FlappingFilter(admin.SimpleListFilter):
    title = "flapping"
    parameter_name = "flapping"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Flapping")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        flapping = queryset.filter(flapping_since__isnull=False)
        return flapping if self.value() == "yes" else queryset


@admin.register(Incident)
class IncidentAdmin(ReadOnly, TicketNumberSearch, ModelAdmin):
    list_display = (
        *("id", "title", "state_badge", "sender", "ticket", "alerts", "first_at", "last_at"),
        "flapping_since",
    )
    list_display_links = ("id", "title")
    list_filter = ("state", OriginFilter, FlappingFilter, "suppressed", "integration", "first_at")
    fields = (
        *("title", "state", "server", "integration", "key", "labels", "ticket"),
        *(("impact", "urgency"), "alerts", ("first_at", "last_at")),
        *(("resolve_at", "resolved_at"), ("suppressed", "flapping_since")),
    )
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        visible = Incident.objects.visible_to(request.user)
        return visible.select_related("server", "integration", "ticket")

    @display(
        description="State",
        ordering="state",
        label={"firing": "danger", "recovering": "warning", "resolved": "success"},
    )
    def state_badge(self, incident: Incident) -> str:
        return incident.state

    @display(description="Sender")
    def sender(self, incident: Incident) -> str:
        return incident.sender


class MaintenanceWindowForm(forms.ModelForm):
    labels = forms.JSONField(
        initial=dict,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text='{"region": "eu-1"}: every label given must be equal. Servers have server, role, region, '
        "host_group and environment; alerts have those of their sender.",
    )

    class Meta:
        model = MaintenanceWindow
        fields = ("title", "starts_at", "ends_at", "labels")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        for field, messages in maintenance.problems(values, window=self.instance).items():
            self.add_error(field, forms.ValidationError(messages))
        return values

    def is_valid(self) -> bool:
        """A preview is never saved: the page is shown again as it was typed."""
        return super().is_valid() and "_preview" not in self.data

    @property
    def labels_shown(self) -> dict[str, str]:
        """Those on the screen, unless they make no sense."""
        if self.is_bound:
            return self.cleaned_data.get("labels") or {}
        return self.instance.labels

    @property
    def covered(self) -> QuerySet[Server]:
        return Server.objects.labelled(self.labels_shown).order_by("name")

    @property
    def shown(self) -> QuerySet[Server]:
        return self.covered[:SHOWN]


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(ModelAdmin):
    form = MaintenanceWindowForm
    change_form_template = "admin/servers/maintenancewindow/change_form.html"
    list_display = ("title", "state_badge", "starts_at", "ends_at", "covers", "created_by")
    search_fields = ("title",)
    ordering = ("-ends_at", "-id")
    fields = ("title", "starts_at", "ends_at", "labels")

    @display(
        description="State", label={"holds": "warning", "announced": "info", "over": "success"}
    )
    def state_badge(self, window: MaintenanceWindow) -> str:
        now = timezone.now()
        if window.ends_at <= now:
            return "over"
        return "holds" if window.starts_at <= now else "announced"

    @display(description="Covers")
    def covers(self, window: MaintenanceWindow) -> str:
        return ", ".join(f"{name} {value}" for name, value in window.labels.items())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        labels = context["adminform"].form.labels_shown
        held = Incident.objects.visible_to(request.user).filter(held__isnull=False)
        silent = held.filter(labels__contains=labels).order_by("pk") if labels else held.none()
        context["silent"] = silent[:SHOWN]
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            maintenance.change_window(window=obj, values=values)
        else:
            actor = request.user.get_username()
            obj.pk = maintenance.create_window(values=values, actor=actor).pk

    def delete_model(self, request: HttpRequest, obj: MaintenanceWindow) -> None:
        maintenance.delete_windows(ids=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MaintenanceWindow]) -> None:
        maintenance.delete_windows(ids=list(queryset.values_list("pk", flat=True)))
