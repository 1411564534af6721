"""Heartbeats with their keys, checks with their results; both on the page of their server."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from servers.models import Check, CheckResult, Heartbeat, Kind, Said, Server
from servers.services import checking, checks, heartbeats
from workers.admin import ReadOnly

COLOURS = {"running": "success", "degraded": "warning", "failed": "danger", "new": "info"}
#: So many targets are looked at while a person waits.
MOST_LOOKS = 20


class Shown(ReadOnly, TabularInline):
    """Rows on the page of their server: to read, with a link to their own page."""

    extra = 0
    show_change_link = True


class HeartbeatInline(Shown):
    model = Heartbeat
    fields = ("status", "message", "last_at", "due_at", "period_seconds", "grace_seconds")
    readonly_fields = fields


class CheckInline(Shown):
    model = Check
    fields = ("kind", "target", "outcome", "last_error", "checked_at", "enabled")
    readonly_fields = fields
    ordering = ("id",)


class ServerByName(forms.ModelChoiceField):
    """A list of all servers would be too long to choose from."""

    def __init__(self) -> None:
        super().__init__(
            Server.objects.filter(kind=Kind.MONITORED),
            to_field_name="name",
            widget=UnfoldAdminTextInputWidget,
            help_text="The name of a monitored server",
            error_messages={"invalid_choice": "There is no monitored server of this name."},
        )


class HeartbeatForm(forms.ModelForm):
    server = ServerByName()

    class Meta:
        model = Heartbeat
        fields = ("server", "period_seconds", "grace_seconds", "enabled")


@admin.register(Heartbeat)
class HeartbeatAdmin(ModelAdmin):
    form = HeartbeatForm
    known = ("status", "message", "last_at", "due_at", "key_hint", "previous_key_until")
    list_display = ("server", "status_badge", "message", "last_at", "due_at", "key_hint", "enabled")
    list_select_related = ("server",)
    list_filter = ("status", "enabled")
    search_fields = ("server__name",)
    ordering = ("server__name",)
    actions = ("make_key",)

    def get_fields(self, request: HttpRequest, obj: Heartbeat | None = None) -> Any:
        return (*HeartbeatForm.Meta.fields, *self.known) if obj else HeartbeatForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Heartbeat | None = None) -> Any:
        return ("server", *self.known) if obj else ()

    @display(
        description="Status",
        ordering="status",
        label={
            Said.OK: "success",
            Said.START: "info",
            Said.NEW: "info",
            Said.FAIL: "danger",
            Said.MISSING: "danger",
        },
    )
    def status_badge(self, beat: Heartbeat) -> Any:
        return beat.status, beat.get_status_display()

    def save_model(self, request: HttpRequest, obj: Heartbeat, form: Any, change: bool) -> None:
        now, values = timezone.now(), {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            heartbeats.change_heartbeat(beat=obj, values=values, now=now)
            return
        values.pop("server", None)
        made, key, _ = heartbeats.give_key(server=obj.server, values=values, now=now)
        obj.pk = made.pk
        self._show(request, made, key)

    def delete_model(self, request: HttpRequest, obj: Heartbeat) -> None:
        heartbeats.delete_heartbeat(beat=obj, now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Heartbeat]) -> None:
        for beat in queryset:
            heartbeats.delete_heartbeat(beat=beat, now=timezone.now())

    @admin.action(description="Make a new key", permissions=["change"])
    def make_key(self, request: HttpRequest, queryset: QuerySet[Heartbeat]) -> None:
        for beat in queryset.select_related("server"):
            beat, key, _ = heartbeats.give_key(server=beat.server, now=timezone.now())
            self._show(request, beat, key)

    def _show(self, request: HttpRequest, beat: Heartbeat, key: str) -> None:
        text = f"The key of {beat.server}, shown this once: {key}"
        if beat.previous_key_until:
            text += " (the old one is good for another day)"
        self.message_user(request, text, messages.WARNING)


class CheckForm(forms.ModelForm):
    server = ServerByName()

    class Meta:
        model = Check
        fields = (
            *("server", "kind", "target", "enabled", "interval_seconds", "timeout_seconds"),
            *("status_min", "status_max", "max_milliseconds", "min_tls_days"),
            *("bad_in_a_row", "good_in_a_row"),
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            before = Check.objects.filter(pk=self.instance.pk).select_related("server").first()
            for name, why in checks.problems(data, check=before).items():
                self.add_error(name, why)
        return data


class ResultInline(ReadOnly, TabularInline):
    model = CheckResult
    fields = ("at", "outcome", "milliseconds", "status", "tls_days", "error")
    readonly_fields = fields
    ordering = ("-id",)
    extra = 0
    hide_title = True
    verbose_name_plural = "last results"


@admin.register(Check)
class CheckAdmin(ModelAdmin):
    form = CheckForm
    known = ("verdict", "last_error", "checked_at", "next_at")
    list_display = (
        *("server", "kind", "target", "outcome_badge", "took", "short_error", "checked_at"),
        "enabled",
    )
    list_display_links = ("server", "target")
    list_select_related = ("server",)
    list_filter = ("outcome", "kind", "enabled")
    search_fields = ("server__name", "target")
    ordering = ("server__name", "id")
    inlines = (ResultInline,)
    actions = ("look_now",)

    def get_fields(self, request: HttpRequest, obj: Check | None = None) -> Any:
        return (*CheckForm.Meta.fields, *self.known) if obj else CheckForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Check | None = None) -> Any:
        return ("server", *self.known) if obj else ()

    @display(description="Result", ordering="outcome", label=COLOURS)
    def outcome_badge(self, check: Check) -> Any:
        if not check.outcome:
            return "new", "not yet"
        again = f" × {check.streak}" if check.streak > 1 and check.outcome != "running" else ""
        return check.outcome, f"{check.get_outcome_display()}{again}"

    @display(description="Took")
    def took(self, check: Check) -> str:
        milliseconds = check.last_result.get("milliseconds")
        return "" if milliseconds is None else f"{milliseconds:,} ms"

    @display(description="Why")
    def short_error(self, check: Check) -> str:
        return Truncator(check.last_error).chars(90)

    def save_model(self, request: HttpRequest, obj: Check, form: Any, change: bool) -> None:
        now = timezone.now()
        if change:
            values = {name: form.cleaned_data[name] for name in form.changed_data}
            checks.change_check(check=obj, values=values, now=now)
        else:
            obj.pk = checks.create_check(values=form.cleaned_data, now=now).pk

    def delete_model(self, request: HttpRequest, obj: Check) -> None:
        checks.delete_check(check=obj, now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Check]) -> None:
        for check in queryset:
            checks.delete_check(check=check, now=timezone.now())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Its results, which nobody deletes by hand, go with it.
        return [str(obj) for obj in objs], {"checks": len(objs)}, set(), []

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("servers.operate_server")

    @admin.action(description="Look now, and only tell", permissions=["operate"])
    def look_now(self, request: HttpRequest, queryset: QuerySet[Check]) -> None:
        chosen = list(queryset.select_related("server")[:MOST_LOOKS])
        tried = checking.try_checks(checks=chosen)
        for check, (outcome, reason, seen) in zip(chosen, tried, strict=True):
            took = f" ({seen.milliseconds:,} ms)" if seen.milliseconds is not None else ""
            level = messages.SUCCESS if outcome == "running" else messages.ERROR
            self.message_user(request, f"{check}: {reason or 'well'}{took}", level)
