"""Channels with their state, routes, and messages with their attempts."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
)

from sla.messages import headline
from sla.models import Channel, ChannelRoute, DeliveryAttempt, Notification, NotificationState
from sla.models.notification import EVENTS
from sla.services import channels
from tickets.admin.fields import LISTS_ON_ONE_LINE
from tickets.admin.lists import BoundedPaginator, TicketNumberSearch
from tickets.models import Department, SupportGroup
from tickets.querysets import hidden_department_ids
from workers.admin import FixedRows, SecretField
from workers.errors import PermanentError

WRITTEN = (
    *("name", "kind", "enabled", "recipients", "for_people", "rate_per_minute", "digest_above"),
    *("owner_id", "events"),
)


class ChannelForm(forms.ModelForm):
    address = SecretField(
        max_length=2000,
        help_text="Where messages are sent: of Slack the incoming webhook.",
    )
    rate_per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=60_000,
        widget=UnfoldAdminTextInputWidget,
        help_text="So many messages a minute at most. Empty: 60, for webhooks 600.",
    )
    events = forms.MultipleChoiceField(
        required=False,
        choices=[(kind.value, kind.label) for kind in EVENTS],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What a callback wants to hear of. None: alerts only, by routes.",
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "address", *WRITTEN[2:])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            channel = self.instance if self.instance.pk else None
            before = Channel.objects.filter(pk=channel.pk).first() if channel else None
            for name, why in channels.problems(data, channel=before).items():
                self.add_error(name, why)
        return data


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):
    form = ChannelForm
    formfield_overrides = LISTS_ON_ONE_LINE
    list_display = ("name", "kind", "host", "state_badge", "reason", "rate_per_minute", "owner_id")
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("enable_again", "send_test", "rotate_secret")

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        known = ("host", "disabled_reason", "failures", "next_attempt_at")
        return (*ChannelForm.Meta.fields, *known) if obj else ChannelForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        known = ("host", "disabled_reason", "failures", "next_attempt_at")
        return ("kind", *known) if obj else ()

    @display(
        description="State",
        label={"on": "success", "off": "danger", "resting": "warning"},
    )
    def state_badge(self, channel: Channel) -> Any:
        if not channel.enabled:
            return "off", "Switched off"
        if (
            channel.failures
            and channel.next_attempt_at
            and channel.next_attempt_at > timezone.now()
        ):
            return "resting", f"Failing, tries again at {channel.next_attempt_at:%H:%M:%S} UTC"
        return "on", "On"

    @display(description="Why")
    def reason(self, channel: Channel) -> str:
        return Truncator(channel.disabled_reason).chars(120)

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        names = (*WRITTEN, "address")
        values = {name: form.cleaned_data[name] for name in names if name in form.cleaned_data}
        if change:
            given = {name: values[name] for name in form.changed_data if name in values}
            channels.change_channel(channel=Channel.objects.get(pk=obj.pk), values=given)
            return
        made, secret = channels.create_channel(values=values)
        obj.pk = made.pk
        if secret:
            self.message_user(request, f"The secret, shown this once: {secret}", messages.WARNING)

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """The form has no relations."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Its messages, which nobody deletes by hand, go with it; there may be a million of them.
        return [str(obj) for obj in objs], {"channels": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        channels.delete_channel(channel=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            channels.delete_channel(channel=channel)

    @admin.action(description="Switch on again", permissions=["change"])
    def enable_again(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        count = channels.enable_channels(ids=list(queryset.values_list("pk", flat=True)))
        self.message_user(request, f"{count} channels are on.", messages.SUCCESS)

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            try:
                channels.send_test(
                    channel=channel, actor=request.user.get_username(), now=timezone.now()
                )
                text = f"A test message for {channel} is queued; Notifications show how it goes."
                self.message_user(request, text, messages.SUCCESS)
            except PermanentError as error:
                self.message_user(request, str(error), messages.ERROR)

    @admin.action(description="Make a new secret", permissions=["change"])
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            try:
                secret = channels.rotate_secret(channel=channel, now=timezone.now())
                text = f"The new secret of {channel}, shown this once: {secret} (the old one signs too for a day)"
                self.message_user(request, text, messages.WARNING)
            except PermanentError as error:
                self.message_user(request, f"{channel}: {error}", messages.ERROR)


class ChannelRouteForm(forms.ModelForm):
    class Meta:
        model = ChannelRoute
        fields = ("channel", "department", "group", "max_priority", "min_level")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        group, department = data.get("group"), data.get("department")
        if group and department and group.department_id != department.pk:
            self.add_error("group", f"{group} belongs to {group.department}, not {department}.")
        return data


@admin.register(ChannelRoute)
class ChannelRouteAdmin(ModelAdmin):
    form = ChannelRouteForm
    list_display = ("channel", "department", "group", "max_priority", "min_level")
    list_select_related = ("channel", "department", "group")
    list_display_links = ("channel",)
    list_filter = ("channel",)
    ordering = ("channel__name", "id")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # A route lets the titles of a restricted department through: its members alone make one.
        hidden = hidden_department_ids(request.user)
        if db_field.name == "department":
            kwargs["queryset"] = Department.objects.exclude(pk__in=hidden)
        elif db_field.name == "group":
            kwargs["queryset"] = SupportGroup.objects.exclude(department__in=hidden)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> Any:
        hidden = hidden_department_ids(request.user)
        routes = super().get_queryset(request).exclude(department__in=hidden)
        return routes.exclude(group__department__in=hidden)


class DeliveryInline(TabularInline):
    model = DeliveryAttempt
    fields = ("at", "status", "error", "milliseconds")
    readonly_fields = fields
    ordering = ("id",)
    extra = 0
    can_delete = False
    hide_title = True
    verbose_name_plural = "attempts"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Notification)
class NotificationAdmin(FixedRows, TicketNumberSearch, ModelAdmin):
    list_display = (
        *("id", "what", "channel", "recipient", "state_badge", "attempts", "short_error"),
        *("created_at", "ended_at"),
    )
    list_filter = ("state", "outcome", "kind", "channel")
    list_select_related = ("channel",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = (
        *("channel", "kind", "ticket", "recipient", "state", "outcome", "error", "attempts"),
        *("next_attempt_at", "give_up_at", "digest", "created_at", "ended_at", "payload"),
    )
    readonly_fields = fields
    inlines = (DeliveryInline,)
    actions = ("send_again",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows, hidden = super().get_queryset(request), hidden_department_ids(request.user)
        if not hidden:
            return rows
        seen = Q(ticket__isnull=True) | Q(ticket__department__isnull=True)
        return rows.filter(seen | ~Q(ticket__department__in=hidden))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # For the list's action. The page is to read: saving it would write over what a worker does.
        return obj is None and super().has_change_permission(request)

    @display(description="Message")
    def what(self, notification: Notification) -> str:
        payload = notification.payload
        if "sla" in payload["data"]:
            return Truncator(headline(payload)).chars(90)
        about = f" #{notification.ticket_id}" if notification.ticket_id else ""
        return f"{notification.get_kind_display()}{about}"

    @display(
        description="State",
        ordering="state",
        label={
            NotificationState.QUEUED: "info",
            NotificationState.SENDING: "info",
            NotificationState.SENT: "success",
            NotificationState.RETRYING: "warning",
            NotificationState.DEAD: "danger",
            "obsolete": "info",
        },
    )
    def state_badge(self, notification: Notification) -> Any:
        if notification.outcome:
            key = "obsolete" if notification.outcome == "obsolete" else notification.state
            return key, f"{notification.state}: {notification.get_outcome_display().lower()}"
        return notification.state, notification.state

    @display(description="Last error")
    def short_error(self, notification: Notification) -> str:
        return Truncator(notification.error).chars(90)

    @admin.action(description="Send again", permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        count = len(channels.resend(ids=list(queryset.values_list("pk", flat=True))))
        self.message_user(
            request, f"{count} are queued again; the others wait already.", messages.SUCCESS
        )
