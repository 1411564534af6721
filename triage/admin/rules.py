"""Rules with a preview, routes, the priority matrix."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from tickets.admin.fields import LISTS_ON_ONE_LINE
from tickets.models import Ticket
from triage import services
from triage.admin.terms import TermsField
from triage.models import PriorityCell, RoutingRule, Rule
from workers.admin import FixedRows

PREVIEWED = 500  # newest tickets that a preview reads


class RuleForm(forms.ModelForm):
    terms = TermsField(required=False)
    exclude = TermsField(
        required=False, help_text="One a line. Where one of these stands, the rule does not match."
    )

    class Meta:
        model = Rule
        fields = (
            *("name", "position", "enabled", "terms", "exclude", "min_score", "sources", "tiers"),
            *("category", "impact", "urgency", "tags", "final"),
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("terms") and "terms" not in self.errors:
            self.add_error("terms", "A rule without a word never matches: give at least one.")
        return data


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    formfield_overrides = LISTS_ON_ONE_LINE
    form = RuleForm
    change_form_template = "admin/triage/rule/change_form.html"
    list_display = ("name", "position", "category", "impact", "urgency", "final", "enabled")
    list_editable = ("position", "enabled")
    list_filter = ("enabled", "category")
    list_select_related = ("category",)
    search_fields = ("name",)
    ordering = ("position", "id")
    autocomplete_fields = ("category",)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """`_preview` shows what the rule on the screen would match among recent tickets, and saves nothing."""
        if request.method == "POST" and "_preview" in request.POST:
            return self._preview(request, object_id, form_url)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _preview(self, request: HttpRequest, object_id: str | None, form_url: str) -> HttpResponse:
        rule = Rule.objects.filter(pk=object_id).first() if object_id else None
        form = RuleForm(request.POST, instance=rule)
        context: dict[str, Any] = {"preview_errors": form.errors if not form.is_valid() else None}
        if form.is_valid():
            newest = Ticket.objects.visible_to(request.user).order_by("-id")[:PREVIEWED]
            context["preview"] = services.preview_rule(
                rule=form.save(commit=False), tickets=list(newest)
            )
        request.method = "GET"  # show the form again, as typed
        view = self._with_typed_values(request, object_id, form_url, context)
        request.method = "POST"
        return view

    def _with_typed_values(
        self, request: HttpRequest, object_id: str | None, form_url: str, context: dict[str, Any]
    ) -> Any:
        typed = request.POST

        class Typed(RuleForm):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs.pop("initial", None)
                super().__init__(typed, *args[1:], **kwargs)

        previous, self.form = self.form, Typed
        try:
            return super().changeform_view(request, object_id, form_url, context).render()
        finally:
            self.form = previous


class RoutingForm(forms.ModelForm):
    terms = TermsField(
        required=False,
        help_text="One a line. At least one must stand in the ticket. Empty: any ticket.",
    )

    class Meta:
        model = RoutingRule
        fields = (
            *("name", "position", "enabled", "categories", "terms", "sources", "tiers"),
            *("max_priority", "department", "group"),
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        group, department = data.get("group"), data.get("department")
        if group and department and group.department_id != department.pk:
            self.add_error("group", f"{group} belongs to {group.department}, not {department}.")
        if self.instance.is_default and data.get("enabled") is False:
            self.add_error("enabled", "The default route cannot be switched off.")
        return data


@admin.register(RoutingRule)
class RoutingRuleAdmin(ModelAdmin):
    formfield_overrides = LISTS_ON_ONE_LINE
    form = RoutingForm
    list_display = (
        "name",
        "position",
        "department",
        "group",
        "max_priority",
        "is_default",
        "enabled",
    )
    list_select_related = ("department", "group")
    ordering = ("is_default", "position", "id")
    filter_horizontal = ("categories",)

    def get_fields(self, request: HttpRequest, obj: RoutingRule | None = None) -> Any:
        if obj is not None and obj.is_default:
            return ("name", "department", "group")  # it matches everything
        return super().get_fields(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: RoutingRule | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (
            obj is not None and obj.is_default
        )

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RoutingRule]) -> None:
        if queryset.filter(is_default=True).exists():
            self.message_user(request, "The default route stays.", messages.WARNING)
        queryset.filter(is_default=False).delete()


@admin.register(PriorityCell)
class PriorityCellAdmin(FixedRows, ModelAdmin):
    list_display = ("__str__", "impact", "urgency", "priority")
    list_editable = ("priority",)
    ordering = ("impact", "urgency")
    readonly_fields = ("impact", "urgency")
