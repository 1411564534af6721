"""What admins of all apps share; dead letters and signs of life."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminPasswordWidget

from workers import services
from workers.models import DeadLetter


class SecretField(forms.CharField):
    """A secret that is written and never shown: left empty, the one that is kept stays."""

    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})

    def __init__(self, *, help_text: str = "", **kwargs: Any) -> None:
        text = f"{help_text} It is not shown again; empty keeps the present one.".strip()
        super().__init__(required=False, help_text=text, **kwargs)


class FixedRows:
    """Mixin of admins whose rows the system makes, as many as it needs: people change them only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(FixedRows):
    """Mixin of admins whose rows the system writes and people read."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "settled"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Waiting for a decision"), ("yes", "Settled")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter]
    ) -> QuerySet[DeadLetter]:
        wanted = {"no": True, "yes": False}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(settled_at__isnull=wanted)


@admin.register(DeadLetter)
class DeadLetterAdmin(FixedRows, ModelAdmin):
    list_display = ("subject", "kind", "reason", "created_at", "outcome", "settled_by")
    list_filter = (OpenFilter, "kind")
    ordering = ("-id",)
    fields = (
        "kind",
        "object_id",
        "subject",
        "reason",
        "request_id",
        "created_at",
        "outcome",
        "settled_at",
        "settled_by",
    )
    readonly_fields = fields
    actions = ("retry", "dismiss")

    @admin.action(description="Try again", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        count = services.retry_dead_letters(
            letters=list(queryset), actor=request.user.get_username(), now=timezone.now()
        )
        self.message_user(request, f"{count} will be tried again.", messages.SUCCESS)

    @admin.action(description="Dismiss", permissions=["change"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[DeadLetter]) -> None:
        count = services.dismiss_dead_letters(
            letters=list(queryset), actor=request.user.get_username(), now=timezone.now()
        )
        self.message_user(request, f"{count} dismissed.", messages.SUCCESS)
