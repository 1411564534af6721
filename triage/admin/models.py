"""The registry of classifiers: what each knows and scores, training, promotion, the way back."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from triage import curves, services
from triage.models import ClassifierModel, Field, FieldPolicy, Promotion, TrainingRun
from workers.errors import PermanentError

ROLES = {"champion": "success", "challenger": "info"}


@admin.register(ClassifierModel)
class ClassifierModelAdmin(ModelAdmin):
    list_before_template = "admin/triage/classifiermodel/train.html"
    list_display = (
        *("name", "field", "role", "macro_f1", "automatic", "examples", "trained_from"),
        *("requested_by", "created_at"),
    )
    list_filter = ("field", "champion", "challenger")
    ordering = ("-created_at", "-pk")
    fields = ("name", "field", "trained_from", "trained_until", "requested_by", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("data")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # nothing here is typed; the buttons ask `may_change`

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (
            obj is not None and obj.champion
        )

    @display(description="Role", label=ROLES)
    def role(self, model: ClassifierModel) -> str:
        return "champion" if model.champion else "challenger" if model.challenger else ""

    @admin.display(description="Macro-F1")
    def macro_f1(self, model: ClassifierModel) -> Any:
        return model.scores.get("macro_f1")

    @admin.display(description="Acts alone on")
    def automatic(self, model: ClassifierModel) -> str:
        return f"{model.scores.get('automatic', 0):.0%}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        newest = {
            field: TrainingRun.objects.filter(field=field).order_by("-pk").first()
            for field in Field.values
        }
        challenged = ClassifierModel.objects.filter(challenger=True).values_list("field", flat=True)
        context = {
            "trainings": [(field, run, field in set(challenged)) for field, run in newest.items()],
            "may_train": may_change(request),
        }
        answer: HttpResponse = super().changelist_view(
            request, {**context, **(extra_context or {})}
        )
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        model: ClassifierModel | None = context.get("original")
        if model is not None:
            context |= self._shown(request, model)
        return super().render_change_form(request, context, *args, **kwargs)

    def _shown(self, request: HttpRequest, model: ClassifierModel) -> dict[str, Any]:
        policy = FieldPolicy.objects.filter(field=model.field).first()
        target = policy.target_precision if policy else 0.95
        curve = model.scores.get("curve", [])
        last = Promotion.objects.filter(model__field=model.field).order_by("-pk").first()
        return {
            "may_change": may_change(request),
            "by_label": sorted(
                model.scores.get("labels", {}).items(), key=lambda pair: -pair[1]["support"]
            ),
            "curve": mark_safe(curves.svg(curve, target)),  # numbers only
            "coverage": [
                (
                    f"{100 * at:g} %",
                    f"{100 * (curves.coverage_at(curve, at) or 0):.0f} %",
                    at == target,
                )
                for at in sorted({*curves.SHOWN, target})
            ],
            "shadow": services.summarize(model) if model.challenger else None,
            "promotions": Promotion.objects.filter(model=model)
            .select_related("previous")
            .defer("previous__data")
            .order_by("-pk")[:20],
            "before": last.previous if last and model.champion else None,
        }

    def get_urls(self) -> list[Any]:
        name = "triage_classifiermodel"
        own = [
            path("train/<slug:field>/", self._press(self._train), name=f"{name}_train"),
            path("judge/<slug:field>/", self._press(self._judge), name=f"{name}_judge"),
            path("<int:pk>/use/", self._press(self._use), name=f"{name}_use"),
            path("<int:pk>/rollback/", self._press(self._roll_back), name=f"{name}_rollback"),
        ]
        return own + super().get_urls()

    def _press(self, step: Callable[..., str]) -> Any:
        """A button: posted, by somebody who may, answered with a sentence on the page it came from."""

        def press(request: HttpRequest, **given: Any) -> HttpResponse:
            if not may_change(request):
                raise PermissionDenied
            try:
                self.message_user(request, step(request, **given), messages.SUCCESS)
            except PermanentError as error:
                self.message_user(request, str(error), messages.ERROR)
            back = "change" if "pk" in given else "changelist"
            arguments = [given["pk"]] if "pk" in given else []
            return HttpResponseRedirect(
                reverse(f"admin:triage_classifiermodel_{back}", args=arguments)
            )

        return self.admin_site.admin_view(require_POST(press))

    def _train(self, request: HttpRequest, field: str) -> str:
        run = services.request_training(
            field=_field(field), requested_by=request.user.get_username()
        )
        return f"Training {run.pk} of {field} is {run.state}. Its progress stands under Trainings."

    def _judge(self, request: HttpRequest, field: str) -> str:
        told = services.judge(
            field=_field(field), by=request.user.get_username(), now=timezone.now()
        )
        if told is None:
            raise services.NotPossible(f"There is no challenger for {field}: train one.")
        return str(told["why"])

    def _use(self, request: HttpRequest, pk: int) -> str:
        model = self._model(pk)
        services.make_champion(
            model=model, by=request.user.get_username(), why="Chosen in the admin."
        )
        return f"{model} decides from the next tickets on."

    def _roll_back(self, request: HttpRequest, pk: int) -> str:
        back = services.roll_back(model=self._model(pk), by=request.user.get_username())
        return f"{back} decides again from the next tickets on."

    def _model(self, pk: int) -> ClassifierModel:
        model = ClassifierModel.objects.defer("data").filter(pk=pk).first()
        if model is None:
            raise Http404
        return model


def may_change(request: HttpRequest) -> bool:
    return request.user.has_perm("triage.change_classifiermodel")


def _field(name: str) -> Field:
    if name not in Field.values:
        raise Http404
    return Field(name)
