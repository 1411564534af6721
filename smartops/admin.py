"""People, roles, tokens and the schedule in the theme, and the index page's figures."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tickets.lifecycle import LIVE
from tickets.models import Priority, Ticket, TriageStatus
from tickets.services.access import create_token
from workers.admin import FixedRows
from workers.models import DeadLetter

COUNTED = 1000

for model in (
    User,
    Group,
    AuthToken,
    PeriodicTask,
    IntervalSchedule,
    CrontabSchedule,
    SolarSchedule,
    ClockedSchedule,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser makes superusers or hands out single permissions."""
        return () if request.user.is_superuser else ("is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (request.user.is_superuser or not (obj is not None and obj.is_superuser))


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


@admin.register(AuthToken)
class AuthTokenAdmin(ModelAdmin):
    list_display = ("token_key", "user", "created", "expiry")
    list_select_related = ("user",)
    ordering = ("-created",)
    fields = ("user",)
    autocomplete_fields = ("user",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: AuthToken, form: Any, change: bool) -> None:
        token, text = create_token(user=form.cleaned_data["user"])
        obj.pk = token.pk
        self.message_user(request, f"The token, shown this once: {text}", messages.WARNING)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AuthToken]) -> None:
        queryset.delete()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(FixedRows, ModelAdmin):
    list_display = ("name", "enabled", "interval", "last_run_at", "total_run_count")
    list_select_related = ("interval",)
    ordering = ("name",)
    fields = ("name", "task", "enabled", "interval", "last_run_at", "total_run_count")
    readonly_fields = ("name", "task", "last_run_at", "total_run_count")


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    ordering = ("every",)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Figures of the index page, each with the list behind it. Counted up to 1,000: enough to act on."""
    if not request.user.has_perm("tickets.view_ticket"):
        return {**context, "figures": []}
    mine = Ticket.objects.visible_to(request.user)
    tickets = reverse("admin:tickets_ticket_changelist")
    live = f"{tickets}?status__in={','.join(LIVE)}"  # what the desk's own pages call open
    figures = [
        (f"Open {priority.label}", _count(mine.filter(status__in=LIVE, priority=priority)),
         f"{live}&priority__exact={priority.value}")
        for priority in Priority
    ]  # fmt: skip
    may_review = request.user.has_perm("tickets.change_ticket")
    listed = f"{tickets}?triage_status__exact={TriageStatus.NEEDS_REVIEW}"
    queue = reverse("review-page") if may_review else listed
    figures.append(("Needs review", _count(mine.awaiting_review()), queue))
    for label, status in (
        ("Waiting for triage", TriageStatus.PENDING),
        ("Triage failed", TriageStatus.FAILED),
    ):
        figures.append(
            (
                label,
                _count(mine.filter(triage_status=status)),
                f"{tickets}?triage_status__exact={status}",
            )
        )
    if request.user.has_perm("workers.view_deadletter"):
        letters = DeadLetter.objects.filter(settled_at__isnull=True)
        figures.append(
            (
                "Dead letters",
                _count(letters),
                reverse("admin:workers_deadletter_changelist") + "?settled=no",
            )
        )
    return {**context, "figures": figures}


def _count(rows: Any) -> str:
    count = len(rows.order_by().values_list("pk", flat=True)[: COUNTED + 1])
    return f"{count:,}" if count <= COUNTED else f"{COUNTED:,}+"
