"""How far classifiers may go, how they were trained, and whether the tickets have changed since."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from triage import curves, drift, services
from triage.admin.models import may_change
from triage.models import ClassifierModel, DriftDay, Field, FieldPolicy, TrainingRun
from workers.admin import FixedRows, ReadOnly

LEVELS = {"steady": "success", "watch": "warning", "shifted": "danger"}
STATES = {"pending": "info", "running": "info", "done": "success", "failed": "danger"}


@admin.register(FieldPolicy)
class FieldPolicyAdmin(FixedRows, ModelAdmin):
    list_display = ("field", "target_precision", "decides", "use_model", "champion")
    readonly_fields = ("coverage",)
    ordering = ("field",)

    def get_fields(self, request: HttpRequest, obj: FieldPolicy | None = None) -> Any:
        # A ticket is audited for its category.
        audited = ("audit_share",) if obj is None or obj.field == Field.CATEGORY else ()
        return ("target_precision", "coverage", "use_model", *audited)

    def save_model(self, request: HttpRequest, obj: FieldPolicy, form: Any, change: bool) -> None:
        services.change_policy(
            policy=obj, values={name: form.cleaned_data[name] for name in form.changed_data}
        )

    @admin.display(description="Classifier in use")
    def champion(self, policy: FieldPolicy) -> str:
        row = self._champion(policy)
        return row.name if row else "none: rules decide"

    @admin.display(description="Decides alone")
    def decides(self, policy: FieldPolicy) -> str:
        return _share(curves.coverage_at(self._curve(policy), policy.target_precision))

    @admin.display(description="It would decide alone")
    def coverage(self, policy: FieldPolicy) -> str:
        curve = self._curve(policy)
        shown = sorted({*curves.SHOWN, policy.target_precision})
        costs = [f"{_share(curves.coverage_at(curve, at))} at {_percent(at)}" for at in shown]
        return " · ".join(costs) if curve else "No classifier with a curve is in use."

    def _champion(self, policy: FieldPolicy) -> ClassifierModel | None:
        rows = ClassifierModel.objects.filter(field=policy.field, champion=True)
        return rows.only("name", "scores").first()

    def _curve(self, policy: FieldPolicy) -> Any:
        row = self._champion(policy)
        return row.scores.get("curve", []) if row else []


def _share(coverage: float | None) -> str:
    return "–" if coverage is None else f"{coverage:.0%}"


def _percent(target: float) -> str:
    return f"{100 * target:g} %"


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly, ModelAdmin):
    list_display = ("id", "field", "shown_state", "doing", "message", "requested_by", "created_at")
    list_filter = ("field", "state")
    list_select_related = ()
    ordering = ("-id",)
    fields = (
        *("field", "state", "progress", "phase", "message", "model", "report", "error"),
        *("requested_by", "attempts", "created_at", "finished_at"),
    )

    @display(description="State", label=STATES)
    def shown_state(self, run: TrainingRun) -> str:
        return run.state

    @admin.display(description="Progress")
    def doing(self, run: TrainingRun) -> str:
        return f"{run.progress} % {run.phase}".strip()


@admin.register(DriftDay)
class DriftDayAdmin(ReadOnly, ModelAdmin):
    list_before_template = "admin/triage/driftday/measure.html"
    list_display = (
        *("day", "field", "answers", "words", "decisions", "auto", "suggest", "review"),
        *("overridden", "audits", "model"),
    )
    list_filter = ("field",)
    ordering = ("-day", "field")

    @display(description="Answers", label=LEVELS)
    def answers(self, row: DriftDay) -> Any:
        return _index(row.psi_category)

    @display(description="Words", label=LEVELS)
    def words(self, row: DriftDay) -> Any:
        return _index(row.psi_words)

    @admin.display(description="Changed by people")
    def overridden(self, row: DriftDay) -> str:
        seen = row.corrected + row.agreed
        return f"{row.corrected} of {seen}" if seen else "–"

    @admin.display(description="Audits wrong")
    def audits(self, row: DriftDay) -> str:
        return f"{row.audited_wrong} of {row.audited}" if row.audited else "–"

    def get_urls(self) -> list[Any]:
        press = self.admin_site.admin_view(require_POST(self._press_measure))
        own = [path("measure/", press, name="triage_driftday_measure")]
        return own + super().get_urls()

    def _press_measure(self, request: HttpRequest) -> HttpResponse:
        if not may_change(request):
            raise PermissionDenied
        now = timezone.now()
        services.measure_drift(
            days=[(now - timedelta(days=back)).date() for back in (0, 1)], now=now
        )
        self.message_user(request, "Today and yesterday are measured.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:triage_driftday_changelist"))


def _index(value: float | None) -> str | tuple[str, str]:
    return "too few tickets" if value is None else (drift.level(value), f"{value:.2f}")
