"""Prompts as versions with a dry run, when the language model is asked, what it was asked and what came of it."""

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import linebreaksbr
from unfold.admin import ModelAdmin, TabularInline

from tickets.admin.lists import BoundedPaginator, row_number
from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket
from tickets.querysets import hidden_department_ids
from triage import services
from triage.admin.decisions import rows_of
from triage.models import AskPolicy, LlmCall, LlmRequest, Prompt, TriageDecision
from triage.serializers.decisions import MOST_ASKED
from triage.services import prompts
from workers.admin import ReadOnly
from workers.errors import PermanentError

_JSON = ("input_schema", "output_schema", "invariants")
#: A new version begins as what it follows.
_COPIED = ("name", "owner_id", "is_default", "system", "template")


class PromptForm(forms.ModelForm):
    class Meta:
        model = Prompt
        fields = ("name", "owner_id", "active", "is_default", "system", "template", *_JSON)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in ("input_schema", "invariants"):
            data[name] = data.get(name) or {}
        if not self.errors:
            errors = prompts.check_prompt(data)
            if data["is_default"] and (data["owner_id"] or not data["active"]):
                errors["is_default"] = [
                    "Only an active prompt without an owner can be the default."
                ]
            for name, problems in errors.items():
                for problem in problems:
                    self.add_error(name, problem)
        return data

    def _get_validation_exclusions(self) -> set[str]:
        # Another default is no mistake: this one takes its place.
        return {*super()._get_validation_exclusions(), "is_default"}  # type: ignore[misc]


@admin.register(Prompt)
class PromptAdmin(ModelAdmin):
    """A version can be looked at, tried, made the default; an edit is a new version."""

    form = PromptForm
    change_form_template = "admin/triage/prompt/change_form.html"
    list_display = ("__str__", "owner_id", "active", "is_default", "created_by", "created_at")
    list_filter = ("active", "name")
    ordering = ("name", "-version")
    search_fields = ("name",)
    actions = ("make_default", "switch_on", "switch_off")
    readonly_preprocess_fields = {"system": linebreaksbr, "template": linebreaksbr}

    def get_readonly_fields(self, request: HttpRequest, obj: Prompt | None = None) -> Any:
        return (*PromptForm.Meta.fields, "created_by", "created_at") if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        prompt = Prompt.objects.filter(pk=row_number(request.GET.get("from", "")) or 0).first()
        if prompt is None:
            return super().get_changeform_initial_data(request)
        return {name: getattr(prompt, name) for name in (*_COPIED, *_JSON)}

    def save_model(self, request: HttpRequest, obj: Prompt, form: Any, change: bool) -> None:
        given = form.cleaned_data
        made = prompts.new_version(
            name=given["name"],
            content={name: given[name] for name in prompts.CONTENT},
            by=request.user.get_username(),
            owner_id=given["owner_id"],
            active=given["active"],
            is_default=given["is_default"],
        )
        obj.__dict__.update(made.__dict__)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """`_try` asks about a ticket with this version, `_replay` about several, beside what was decided.

        Nothing is saved.
        """
        if object_id is None:
            return super().changeform_view(request, None, form_url, extra_context)
        buttons = ("show_save", "show_save_and_continue", "show_save_and_add_another")
        context: dict[str, Any] = dict.fromkeys(buttons, False)
        if request.method == "POST" and self.has_add_permission(request):
            step = self._replay if "_replay" in request.POST else self._try
            context |= step(request, object_id)
        request.method = "GET"  # there is nothing to save
        return super().changeform_view(request, object_id, form_url, context)

    def _try(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        prompt, tickets = self.get_object(request, object_id), self._tickets(request, most=1)
        context: dict[str, Any] = {"tried": request.POST.get("ticket", "")}
        if prompt and tickets:
            context["trial"] = prompts.try_prompt(prompt=prompt, ticket=tickets[0])
        return context

    def _replay(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        prompt, tickets = self.get_object(request, object_id), self._tickets(request, MOST_ASKED)
        context: dict[str, Any] = {"tried": request.POST.get("ticket", "")}
        if prompt and tickets:
            recorded = TriageDecision.objects.newest_of_tickets([ticket.pk for ticket in tickets])
            found = services.replay(tickets=tickets, recorded=recorded, prompt=str(prompt))
            context["replays"] = [(replay, rows_of(replay)) for replay in found]
        return context

    def _tickets(self, request: HttpRequest, most: int) -> list[Ticket]:
        """The tickets whose numbers were given; none, and a message, if one of them is wrong."""
        given = re.findall(r"[^\s,;#]+", request.POST.get("ticket", ""))
        if not 0 < len(given) <= most:
            wanted = "one number" if most == 1 else f"one to {most} numbers"
            self.message_user(request, f"Give {wanted} of tickets.", messages.ERROR)
            return []
        numbers = [row_number(part) or 0 for part in given]
        found = Ticket.objects.visible_to(request.user).with_names().in_bulk(numbers)
        for part, number in zip(given, numbers, strict=True):
            if number not in found:
                self.message_user(request, f"There is no ticket {part[:20]!r}.", messages.ERROR)
                return []
        return [found[number] for number in dict.fromkeys(numbers)]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Make it the default", permissions=["change"])
    def make_default(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        if queryset.count() != 1:
            self.message_user(request, "Choose exactly one.", messages.ERROR)
            return
        self._do(request, queryset, lambda prompt: prompts.make_default(prompt=prompt))

    @admin.action(description="Ask with them", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        self._do(request, queryset, lambda prompt: prompts.set_active(prompt=prompt, active=True))

    @admin.action(description="Ask with them no longer", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        self._do(request, queryset, lambda prompt: prompts.set_active(prompt=prompt, active=False))

    def _do(self, request: HttpRequest, queryset: QuerySet[Prompt], step: Any) -> None:
        for prompt in queryset:
            try:
                step(prompt)
            except PermanentError as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, f"{prompt}: done.", messages.SUCCESS)


@admin.register(AskPolicy)
class AskPolicyAdmin(ModelAdmin):
    list_display = ("__str__", "category", "when")
    list_editable = ("when",)
    list_select_related = ("category",)
    ordering = ("category__slug",)
    autocomplete_fields = ("category",)


class CallInline(ReadOnly, TabularInline):
    model = LlmCall
    fields = ("attempt", "repair", "success", "error", "model", "milliseconds", "at")
    readonly_fields = fields
    ordering = ("pk",)
    show_change_link = True
    extra = 0


@admin.register(LlmRequest)
class LlmRequestAdmin(ReadOnly, ModelAdmin):
    list_display = ("id", "ticket", "state", "outcome", "reason", "prompt", "created_at")
    list_filter = ("state", "outcome")
    list_select_related = ("ticket", "prompt")
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    inlines = (CallInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        hidden = hidden_department_ids(request.user)
        rows = super().get_queryset(request)
        return rows.exclude(ticket__department__in=hidden) if hidden else rows


@admin.register(LlmCall)
class LlmCallAdmin(ReadOnly, ModelAdmin):
    list_display = (
        *("id", "request", "success", "repair", "error", "provider", "model", "milliseconds"),
        *("tokens_in", "tokens_out", "cost", "at"),
    )
    list_filter = ("success", "provider")
    list_select_related = ("request",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        hidden = hidden_department_ids(request.user)
        rows = super().get_queryset(request)
        return rows.exclude(request__ticket__department__in=hidden) if hidden else rows


def llm_panel(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """The newest question about a ticket, with its calls."""
    newest = LlmRequest.objects.filter(ticket=ticket).select_related("prompt").order_by("-pk")
    question = newest.first()
    calls = question.calls.order_by("pk") if question else []
    return {"llm_request": question, "llm_calls": calls}


TicketAdmin.panels.append(llm_panel)
