"""Decisions to read, and to replay on another classifier."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from tickets.admin.lists import BoundedPaginator, TicketNumberSearch
from tickets.services import UnknownNames
from triage import knowledge, services
from triage.models import ClassifierModel, TriageDecision
from triage.models.decisions import DECIDED
from triage.reading import explained
from triage.services.replaying import Replay
from workers.admin import ReadOnly


class ModelFilter(admin.SimpleListFilter):
    title = "classifier"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in _classifiers(field="category")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(model=self.value()) if self.value() else queryset


def _classifiers(**conditions: Any) -> list[str]:
    rows = ClassifierModel.objects.filter(**conditions).order_by("-pk")
    return list(rows.values_list("name", flat=True)[:50])


@admin.register(TriageDecision)
class TriageDecisionAdmin(ReadOnly, TicketNumberSearch, ModelAdmin):
    change_form_template = "admin/triage/triagedecision/change_form.html"
    list_display = (
        *("id", "ticket", "category", "band_badge", "sure", "priority", "department", "model"),
        "created_at",
    )
    list_filter = ("band", ModelFilter, "refined")
    list_select_related = ("ticket",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("ticket", "job", "band", "confidence", "engines", "model", "prompt"),
                    *("refined", "fallback", "tokens_in", "tokens_out", "cost", "milliseconds"),
                    *("input_hash", "created_at"),
                )
            },
        ),
        (
            "As it is stored",
            {
                "classes": ("collapse",),
                "fields": (*DECIDED, "fields", "alternatives", "words", "rules"),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(request.user)

    @display(
        description="Band",
        ordering="band",
        label={"auto": "success", "suggest": "info", "review": "warning"},
    )
    def band_badge(self, decision: TriageDecision) -> str:
        return decision.band

    @admin.display(description="Confidence", ordering="confidence")
    def sure(self, decision: TriageDecision) -> str:
        return f"{decision.confidence:.0%}"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """With `?replay=` and a classifier's name: what it would decide now, beside what was decided."""
        decision: TriageDecision = context["original"]
        context |= explained(decision)
        context["classifiers"] = [*_classifiers(), knowledge.RULES_ALONE]
        model = request.GET.get("replay")
        if model in ("", *context["classifiers"]):
            context |= {"replay_model": model, **_replayed(decision, model or None)}
        elif model is not None:
            context["replay_error"] = "There is no such classifier: choose one from the list."
        return super().render_change_form(request, context, *args, **kwargs)


def _replayed(decision: TriageDecision, model: str | None) -> dict[str, Any]:
    try:
        [replay] = services.replay(
            tickets=[decision.ticket],
            recorded={decision.ticket_id: decision},
            model=model,
        )
    except UnknownNames as error:
        return {"replay_error": " ".join(error.errors["model"])}
    if replay.decision is None:
        return {"replay_error": replay.error}
    return {"replay": replay, "replay_rows": rows_of(replay)}


def rows_of(replay: Replay) -> list[tuple[str, Any, Any, bool, str]]:
    """What `replay.html` shows: each field's name, its value then and now, whether they differ, and why now."""
    now, then = replay.decision, replay.recorded
    return [
        (
            name,
            getattr(then, name, None),
            getattr(now, name),
            name in replay.differences,
            now.fields.get(name, {}).get("why", ""),
        )
        for name in DECIDED
        if now is not None
    ]
