"""Policies: a grid of targets, levels, and a preview of what saving would do."""

from itertools import pairwise
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import linebreaks
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from sla.admin.fields import LevelsField, TargetsField, cells_of, render_targets
from sla.catalog import Catalog, FieldChange, PolicyEntry, differences
from sla.configfile import ALWAYS, show_levels
from sla.document import WARN_AND_BREACH, PolicyDocument
from sla.durations import show_duration
from sla.models import BusinessCalendar, SlaPolicy, SlaPolicyVersion, Source
from sla.services.config import config_findings
from sla.services.planning import Plan, plan
from sla.services.policies import publish, read_document, with_policy
from sla.services.storing import WrongFields, read_catalog
from tickets.models import Department
from workers.errors import PermanentError

SHOWN_VERSIONS = 20
#: A part of the document -> the form's field.
_FIELDS = {"tiers": "targets"}


class PolicyForm(forms.ModelForm):
    calendar = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    departments = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="It holds for tickets of these; without any for all.",
    )
    targets = TargetsField(
        required=False,
        help_text="Business time: 30 is minutes; 45s, 90m, 4h, 1d 12h (a day is 24 hours). Empty: no clock.",
    )
    levels = LevelsField(
        required=False,
        help_text="What happens when, as YAML. at: percent of the target; after: time after it. notify: routed, "
        "assignee, group, lead, channels. Also metrics, raise_priority, assign_group, add_tag.",
    )
    acknowledgement = forms.CharField(
        widget=UnfoldAdminTextInputWidget,
        initial="30m",
        help_text="For how long an acknowledgement stops the next levels.",
    )
    move_open = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget,
        label="Move open tickets too",
        help_text="Otherwise the tickets that are open keep what was promised them.",
    )
    editable = True

    class Meta:
        model = SlaPolicy
        fields = ("name", "position", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plan: Plan | None = None
        self.previewing = "_preview" in self.data
        names = BusinessCalendar.objects.order_by("name").values_list("name", flat=True)
        self.fields["calendar"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        departments = Department.objects.order_by("name").values_list("name", flat=True)
        self.fields["departments"].choices = [(d, d) for d in departments]  # type: ignore[attr-defined]
        document = newest_document(self.instance)
        initial: dict[str, Any] = {"calendar": ALWAYS, "levels": WARN_AND_BREACH}
        if document is not None:
            initial = {
                "calendar": document.calendar.name,
                "departments": document.departments,
                "targets": cells_of(document),
                "levels": document.levels,
                "acknowledgement": show_duration(document.acknowledgement),
            }
        self.initial = {**initial, **self.initial}
        if self.instance.is_default and "enabled" in self.fields:
            self.fields["enabled"].disabled = True

    def is_valid(self) -> bool:
        """A preview is never saved: the page is shown again as it was typed."""
        return super().is_valid() and not self.previewing

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        names = ("calendar", "departments", "levels", "acknowledgement")
        given = {name: data[name] for name in names}
        try:
            data["document"] = read_document({**given, "tiers": data["targets"]})
            before = read_catalog()
            after = with_policy(
                before,
                name=data["name"],
                document=data["document"],
                policy_id=self.instance.pk,
                position=data["position"],
                enabled=data["enabled"],
            )
        except WrongFields as error:
            self._show(error)
        except PermanentError as error:
            raise forms.ValidationError(str(error)) from None
        else:
            if self.previewing:
                self.plan = plan(before, after, now=timezone.now())
        return data

    def _show(self, error: WrongFields) -> None:
        for path, messages in error.errors.items():
            part = path.removeprefix("document.").split(".")[0].split("[")[0]
            field = _FIELDS.get(part, part)
            for message in messages:
                self.add_error(field if field in self.fields else None, message)


@admin.register(SlaPolicy)
class SlaPolicyAdmin(ModelAdmin):
    form = PolicyForm
    change_form_template = "admin/sla/slapolicy/change_form.html"
    list_before_template = "admin/sla/config_findings.html"
    list_display = ("name", "position", "enabled", "is_default", "source")
    ordering = ("is_default", "position", "id")
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "position", "enabled", "calendar", "departments")}),
        ("Targets", {"fields": ("targets",), "classes": ("min-w-0",)}),
        ("Escalation", {"fields": ("levels", "acknowledgement")}),
        ("Saving", {"fields": ("move_open",)}),
    )
    #: For those who may only read it.
    read_only = ("name", "position", "enabled", "shown_calendar", "shown_departments",
                 "shown_targets", "shown_levels", "shown_acknowledgement")  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: SlaPolicy | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": self.read_only}),)
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: SlaPolicy | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return self.read_only
        return ()

    def has_change_permission(self, request: HttpRequest, obj: SlaPolicy | None = None) -> bool:
        kept = obj is not None and obj.source == Source.FILE
        return super().has_change_permission(request, obj) and not kept

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # clocks refer to what it said; it can be disabled

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {**(extra_context or {}), "config_findings": config_findings()}
        return super().changelist_view(request, context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        policy = self.get_object(request, object_id) if object_id else None
        context = {
            **(extra_context or {}),
            "versions": shown_versions(policy) if policy else [],
            "kept_by": settings.SLA_CONFIG_FILE if policy and policy.source == Source.FILE else "",
        }
        return super().changeform_view(request, object_id, form_url, context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.editable = obj is None or self.has_change_permission(request, obj)
        return form

    def save_model(self, request: HttpRequest, obj: SlaPolicy, form: Any, change: bool) -> None:
        data = form.cleaned_data
        version = publish(
            name=data["name"],
            document=data["document"],
            policy_id=obj.pk if change else None,
            position=data["position"],
            enabled=data["enabled"],
            move_open=data["move_open"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        obj.pk = version.policy_id

    @admin.display(description="Calendar")
    def shown_calendar(self, policy: SlaPolicy) -> str:
        return _document(policy).calendar.name

    @admin.display(description="Departments")
    def shown_departments(self, policy: SlaPolicy) -> str:
        return ", ".join(_document(policy).departments) or "all"

    @admin.display(description="Targets")
    def shown_targets(self, policy: SlaPolicy) -> str:
        return render_targets(cells_of(_document(policy)))

    @admin.display(description="Levels")
    def shown_levels(self, policy: SlaPolicy) -> str:
        return linebreaks(show_levels(_document(policy).levels), autoescape=True)

    @admin.display(description="Acknowledgement")
    def shown_acknowledgement(self, policy: SlaPolicy) -> str:
        return show_duration(_document(policy).acknowledgement)


def newest_document(policy: SlaPolicy) -> PolicyDocument | None:
    if policy.pk is None:
        return None
    version = SlaPolicyVersion.objects.filter(policy=policy).order_by("-number").first()
    return version.read() if version else None


def _document(policy: SlaPolicy) -> PolicyDocument:
    document = newest_document(policy)
    assert document is not None
    return document


def shown_versions(policy: SlaPolicy) -> list[tuple[SlaPolicyVersion, tuple[FieldChange, ...]]]:
    """The newest versions, each with what it changed."""
    newest = SlaPolicyVersion.objects.filter(policy=policy).order_by("-number")
    rows = list(newest[: SHOWN_VERSIONS + 1])
    entries = [PolicyEntry(policy.name, row.read(), pk=policy.pk) for row in rows]
    changes = [
        differences(Catalog(policies=(old,)), Catalog(policies=(new,)))
        for new, old in pairwise(entries)
    ]
    told = [found[0].fields if found else () for found in changes]
    if len(rows) <= SHOWN_VERSIONS:
        told.append(())
    return list(zip(rows, told, strict=False))[:SHOWN_VERSIONS]
