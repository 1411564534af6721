"""Integrations with their keys and a page to try payloads on, and the bodies that came."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from servers.models import Delivery, Integration
from servers.services import deliveries, integrations
from servers.services.integrations import SIGNED, TEMPLATES, address_of, templates_in_use
from servers.services.limits import EPISODE
from servers.services.removing import delete_integration
from servers.services.trying import Trial, try_body
from servers.sources.reading import PRODUCTS, Unreadable, defaults
from tickets.admin.lists import BoundedPaginator
from workers.admin import FixedRows, SecretField
from workers.leases import State

WRITTEN = (
    *("name", "source", "enabled", *TEMPLATES, "department", "group", "owner"),
    *("rate_per_minute", "recovery_grace", "reopen_window"),
)
KNOWN = ("address", "keys", "last_alert_at", "limited_at")


class IntegrationForm(forms.ModelForm):
    secret = SecretField(
        max_length=500,
        help_text="Of Sentry the client secret, of Grafana that of its HMAC signature.",
    )
    unsigned = forms.BooleanField(
        required=False, label="Check no signatures", help_text="Forget the secret."
    )

    class Meta:
        model = Integration
        fields = (*WRITTEN[:3], "secret", "unsigned", *WRITTEN[3:])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = defaults(self.instance.source) if self.instance.pk else {}
        for name in TEMPLATES:
            if name in self.fields:
                attrs = {"rows": 3, "spellcheck": "false", "placeholder": words.get(name, "")}
                self.fields[name].widget = UnfoldAdminTextareaWidget(attrs=attrs)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            before = Integration.objects.filter(pk=self.instance.pk).first()
            for name, why in integrations.problems(data, integration=before).items():
                self.add_error(name, why)
        return data


@admin.register(Integration)
class IntegrationAdmin(ModelAdmin):
    form = IntegrationForm
    change_form_template = "admin/servers/integration/change_form.html"
    list_display = ("name", "source", "state_badge", "owner", "rate_per_minute", "last_alert_at")
    list_filter = ("source", "enabled")
    list_select_related = ("owner",)
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("rotate_key", "revoke_keys")

    def get_fieldsets(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        words = "Empty: that of the source, shown in grey once saved. docs/alerts.md says what they may use."
        signed = obj is None or obj.source in SIGNED
        signing = ("secret", "unsigned") if obj else ("secret",)
        sections = (
            (None, {"fields": ("name", "source", "enabled", *(KNOWN if obj else ()))}),
            ("Signature", {"fields": signing}),
            ("Templates", {"fields": TEMPLATES, "description": words}),
            ("Tickets", {"fields": ("department", "group", "recovery_grace", "reopen_window")}),
            ("Limit", {"fields": ("rate_per_minute", "owner")}),
        )
        hidden = {
            "Signature": not signed or not self.has_change_permission(request, obj),
            "Templates": obj is not None and obj.source not in PRODUCTS,
        }
        return [section for section in sections if not hidden.get(str(section[0]))]

    def get_readonly_fields(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        return ("source", *KNOWN) if obj else ()

    @display(description="State", label={"on": "success", "off": "danger", "limited": "warning"})
    def state_badge(self, integration: Integration) -> Any:
        if not integration.enabled or not integration.key_hint:
            return "off", "No key" if integration.enabled else "Switched off"
        limited = integration.limited_at
        if limited and timezone.now() - limited < EPISODE:
            return "limited", "Sends too much"
        return "on", "On"

    @admin.display(description="Address")
    def address(self, integration: Integration) -> str:
        where = address_of(integration.source)
        return f"{settings.PUBLIC_URL}{where}" if where else "its mailbox"

    @admin.display(description="Keys")
    def keys(self, integration: Integration) -> str:
        if not integration.key_hint:
            return "revoked; make a new one in the list"
        until = integration.previous_key_until
        is_good = until is not None and until > timezone.now()
        old = f"; the one before until {until:%Y-%m-%d %H:%M} UTC" if is_good else ""
        return f"{integration.key_hint}…{old}"

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        data = form.cleaned_data
        values = {name: data[name] for name in (*WRITTEN, "secret") if name in data}
        if not change:
            made, key = integrations.create_integration(values=values)
            obj.pk = made.pk
            self._tell(request, made, key)
            return
        given = {name: values[name] for name in form.changed_data if name in values}
        if data.get("unsigned"):
            given["secret"] = ""
        before = Integration.objects.get(pk=obj.pk)
        integrations.change_integration(integration=before, values=given)

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """The form has no relations."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Bodies and incidents, which nobody deletes by hand, go with it; there may be a million of them.
        return [str(obj) for obj in objs], {"integrations": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Integration) -> None:
        actor = request.user.get_username()
        delete_integration(integration=obj, actor=actor, now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for integration in queryset:
            self.delete_model(request, integration)

    @admin.action(description="Make a new key", permissions=["change"])
    def rotate_key(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for integration in queryset:
            key = integrations.rotate_key(integration=integration, now=timezone.now())
            self._tell(request, integration, key)

    @admin.action(description="Revoke the keys", permissions=["change"])
    def revoke_keys(self, request: HttpRequest, queryset: QuerySet[Integration]) -> None:
        for integration in queryset:
            integrations.revoke_keys(integration=integration)
            self.message_user(request, f"No key opens {integration} any more.", messages.SUCCESS)

    def _tell(self, request: HttpRequest, integration: Integration, key: str) -> None:
        text = f"The key of {integration}, shown this once: {key}"
        if where := address_of(integration.source, key):
            text += f" — the address to give to it: {settings.PUBLIC_URL}{where}"
        if integration.previous_key_until:
            text += " (the old key is good for another day)"
        self.message_user(request, text, messages.WARNING)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.try_payload)
        return [path("<int:pk>/try/", view, name="servers_integration_try"), *super().get_urls()]

    def try_payload(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what a pasted payload would become."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        integration = Integration.objects.filter(pk=pk).first()
        if integration is None or not address_of(integration.source):
            raise Http404
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Try {integration}",
            "opts": Integration._meta,
            "integration": integration,
            "templates": templates_in_use(integration),
        }
        if request.method == "POST":
            payload = request.POST.get("payload", "")
            context["payload"] = payload
            try:
                context["trials"] = _rows(
                    try_body(integration=integration, body=payload.encode(), now=timezone.now())
                )
            except Unreadable as error:
                context["error"] = str(error)
        return TemplateResponse(request, "admin/servers/integration/try.html", context)


def _rows(trials: list[Trial]) -> list[tuple[Trial, list[tuple[str, Any]]]]:
    """Each trial with its facts, in the order in which they follow from each other."""
    rows = []
    for trial in trials:
        alert = trial.alert
        facts: list[tuple[str, Any]] = []
        if alert is not None:
            levels = f"impact {alert.impact}, urgency {alert.urgency}" if alert.impact else "–"
            facts = [
                ("Action", alert.action.value),
                ("Key", alert.key),
                ("Severity", f"{trial.severity} → {levels}" if trial.severity else "unknown"),
                ("Priority", f"P{trial.priority}" if trial.priority else "triage decides"),
                ("Server", alert.server or "–"),
                ("Labels", json.dumps(dict(alert.labels), ensure_ascii=False)),
                ("Time", f"{alert.at:%Y-%m-%d %H:%M:%S} UTC"),
            ]
        rows.append((trial, facts))
    return rows


@admin.register(Delivery)
class DeliveryAdmin(FixedRows, ModelAdmin):
    list_display = ("id", "integration", "state_badge", "became", "short_error", "received_at")
    list_filter = ("state", "integration")
    list_select_related = ("integration",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = (
        *("integration", "state", "error", "received_at", "finished_at", "attempts", "request_id"),
        *("results", "content_type", "content"),
    )
    readonly_fields = fields
    actions = ("try_again",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body")  # a list of them may be 100 MB

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # For the list's action. The page is to read.
        return obj is None and super().has_change_permission(request)

    @display(
        description="State",
        ordering="state",
        label={
            State.PENDING: "info",
            State.RUNNING: "info",
            State.DONE: "success",
            State.FAILED: "danger",
        },
    )
    def state_badge(self, delivery: Delivery) -> str:
        return delivery.state

    @admin.display(description="Became")
    def became(self, delivery: Delivery) -> str:
        words = [
            f"{one['result']} #{one['ticket']}" if one["ticket"] else one["result"]
            for one in delivery.results
        ]
        return Truncator(", ".join(words)).chars(60)

    @admin.display(description="Error")
    def short_error(self, delivery: Delivery) -> str:
        return Truncator(delivery.error).chars(90)

    @admin.display(description="Body")
    def content(self, delivery: Delivery) -> Any:
        text = bytes(delivery.body).decode(errors="replace")
        shown = '<pre class="text-xs break-words" style="white-space: pre-wrap">{}</pre>'
        return format_html(shown, Truncator(text).chars(100_000))

    @admin.action(description="Read again", permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = len(
            deliveries.retry_deliveries(
                ids=list(queryset.values_list("pk", flat=True)),
                actor=request.user.get_username(),
                now=timezone.now(),
            )
        )
        self.message_user(
            request, f"{count} are read again; the others have not failed.", messages.SUCCESS
        )
