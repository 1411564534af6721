"""Mailboxes with their state, and every mail with what became of it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

from servers.models import Mailbox, MailMessage, MailResult
from servers.services import mailboxes, mails
from tickets.admin.lists import BoundedPaginator
from tickets.downloads import stream
from workers.admin import FixedRows, SecretField

WRITTEN = (
    *("integration", "enabled", "host", "port", "security", "user", "folder", "move_to"),
    *("since", "accept_generated"),
)
KNOWN = ("read_at", "failures", "last_error", "next_at")


class MailboxForm(forms.ModelForm):
    password = SecretField(max_length=500)

    class Meta:
        model = Mailbox
        fields = (*WRITTEN[:6], "password", *WRITTEN[6:])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            mailbox = self.instance if self.instance.pk else None
            for name, why in mailboxes.problems(data, mailbox=mailbox).items():
                self.add_error(name, why)
        return data


@admin.register(Mailbox)
class MailboxAdmin(ModelAdmin):
    form = MailboxForm
    list_display = ("user", "host", "folder", "integration", "state", "read_at", "last_error")
    list_filter = ("enabled", "integration")
    list_select_related = ("integration",)
    ordering = ("pk",)
    actions = ("read_now",)

    def get_fields(self, request: HttpRequest, obj: Mailbox | None = None) -> Any:
        return (*MailboxForm.Meta.fields, *KNOWN) if obj else MailboxForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Mailbox | None = None) -> Any:
        return KNOWN if obj else ()

    @display(description="State", label={"on": "success", "off": "info", "failing": "danger"})
    def state(self, mailbox: Mailbox) -> Any:
        if not mailbox.enabled:
            return "off", "Switched off"
        return ("failing", "Failing") if mailbox.failures else ("on", "On")

    def save_model(self, request: HttpRequest, obj: Mailbox, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in (*WRITTEN, "password")}
        before = Mailbox.objects.get(pk=obj.pk) if change else None
        obj.pk = mailboxes.save_mailbox(mailbox=before, values=values).pk

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """The form has no relations."""

    @admin.action(description="Read now", permissions=["change"])
    def read_now(self, request: HttpRequest, queryset: QuerySet[Mailbox]) -> None:
        mailboxes.read_soon(ids=list(queryset.values_list("pk", flat=True)))
        self.message_user(request, "They are being read.", messages.SUCCESS)


@admin.register(MailMessage)
class MailMessageAdmin(FixedRows, ModelAdmin):
    list_display = ("received_at", "sender", "subject", "result_badge", "ticket", "detail")
    list_display_links = ("received_at", "subject")
    list_filter = ("result", "integration", "received_at")
    list_select_related = ("ticket", "integration")
    search_fields = ("sender", "subject", "message_id")
    ordering = ("-pk",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fields = (
        *("integration", "sender", "subject", "received_at", "result", "detail", "ticket"),
        *("message_id", "original"),
    )
    readonly_fields = fields
    actions = ("retry",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)  # for the list's action

    @display(
        description="Result",
        ordering="result",
        label={
            **dict.fromkeys(("opened", "commented", "reopened"), "success"),
            **dict.fromkeys(("noted", "ignored"), "info"),
            "held": "warning",
            "failed": "danger",
        },
    )
    def result_badge(self, mail: MailMessage) -> Any:
        return mail.result, MailResult(mail.result).label

    @display(description="As it came")
    def original(self, mail: MailMessage) -> Any:
        if mail.raw_id is None:
            return "no longer kept"
        where = reverse("admin:servers_mailmessage_original", args=[mail.pk])
        return format_html('<a class="underline" href="{}">mail-{}.eml</a>', where, mail.pk)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self._original)
        own = path("<int:pk>/original/", view, name="servers_mailmessage_original")
        return [own, *super().get_urls()]

    def _original(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        mail = get_object_or_404(self.get_queryset(request), pk=pk)
        if mail.raw_id is None:
            raise Http404
        return stream(mail.raw_id, name=f"mail-{mail.pk}.eml")

    @admin.action(
        description="Take in again, as if a person had written them", permissions=["change"]
    )
    def retry(self, request: HttpRequest, queryset: QuerySet[MailMessage]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        count = mails.retry_mails(ids=ids, now=timezone.now())
        self.message_user(request, f"{count} mails were taken in again.", messages.SUCCESS)
