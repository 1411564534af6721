"""The registry of classifiers, trainings and drift, as the API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from triage import curves, drift
from triage.models import ClassifierModel, DriftDay, Field, FieldPolicy, TrainingRun


class LabelScoreSerializer(serializers.Serializer[Any]):
    label = serializers.CharField()
    precision = serializers.FloatField()
    recall = serializers.FloatField()
    f1 = serializers.FloatField()
    support = serializers.IntegerField()


class CurvePointSerializer(serializers.Serializer[Any]):
    target = serializers.FloatField()
    precision = serializers.FloatField(help_text="Really reached on tickets it had not seen")
    coverage = serializers.FloatField(help_text="Share decided alone")


def _score(model: ClassifierModel, name: str) -> float | None:
    found: float | None = model.scores.get(name)
    return found


class ModelSerializer(serializers.ModelSerializer[ClassifierModel]):
    macro_f1 = serializers.SerializerMethodField()
    calibration_error = serializers.SerializerMethodField()
    automatic = serializers.SerializerMethodField(help_text="Share decided alone at 95 %")

    class Meta:
        model = ClassifierModel
        fields: tuple[str, ...] = (
            *("id", "name", "field", "champion", "challenger", "macro_f1", "calibration_error"),
            *("automatic", "examples", "labels", "trained_from", "trained_until"),
            *("requested_by", "created_at", "verdict"),
        )
        read_only_fields = fields

    def get_macro_f1(self, model: ClassifierModel) -> float | None:
        return _score(model, "macro_f1")

    def get_calibration_error(self, model: ClassifierModel) -> float | None:
        return _score(model, "calibration_error")

    def get_automatic(self, model: ClassifierModel) -> float | None:
        return _score(model, "automatic")


class ModelDetailSerializer(ModelSerializer):
    """`by_label`: scores of each class; `curve`: what each target precision costs."""

    by_label = serializers.SerializerMethodField()
    curve = serializers.SerializerMethodField()
    scores = serializers.SerializerMethodField()

    class Meta(ModelSerializer.Meta):
        fields = (*ModelSerializer.Meta.fields, "by_label", "curve", "scores")
        read_only_fields = fields

    @extend_schema_field(LabelScoreSerializer(many=True))
    def get_by_label(self, model: ClassifierModel) -> list[dict[str, Any]]:
        return [{"label": name, **one} for name, one in model.scores.get("labels", {}).items()]

    @extend_schema_field(CurvePointSerializer(many=True))
    def get_curve(self, model: ClassifierModel) -> list[dict[str, float]]:
        names = ("target", "precision", "coverage")
        return [dict(zip(names, point, strict=True)) for point in model.scores.get("curve", [])]

    def get_scores(self, model: ClassifierModel) -> dict[str, Any]:
        return {k: v for k, v in model.scores.items() if k not in ("labels", "curve")}


class ShadowSerializer(serializers.Serializer[Any]):
    looked_at = serializers.IntegerField()
    agreed = serializers.IntegerField()
    bands = serializers.DictField(child=serializers.FloatField())
    champion_bands = serializers.DictField(child=serializers.FloatField())
    confirmed = serializers.IntegerField(help_text="Of these a person gave the value")
    champion_right = serializers.IntegerField()
    challenger_right = serializers.IntegerField()


class FieldNameSerializer(serializers.Serializer[Any]):
    field = serializers.ChoiceField(choices=Field.choices, default=Field.CATEGORY)


class TrainingRunSerializer(serializers.ModelSerializer[TrainingRun]):
    """`report`: what it learnt from, its scores, and the verdict."""

    class Meta:
        model = TrainingRun
        fields = (
            *("id", "field", "state", "progress", "phase", "message", "model", "report"),
            *("requested_by", "attempts", "error", "created_at", "finished_at"),
        )
        read_only_fields = fields


class VerdictSerializer(serializers.Serializer[Any]):
    """The last comparison with the champion. Figures stand there where enough tickets could be judged."""

    better = serializers.BooleanField()
    why = serializers.CharField()
    judged = serializers.IntegerField(help_text="Confirmed tickets that it was judged on")
    on = serializers.ChoiceField(
        ["later", "folds"],
        required=False,
        help_text="later: newer than what either learnt from; folds: its own, each held out once",
    )
    against = serializers.CharField()
    at = serializers.DateTimeField()
    champion = serializers.FloatField(required=False, help_text="Macro-F1")
    challenger = serializers.FloatField(required=False, help_text="Macro-F1")
    low = serializers.FloatField(required=False, help_text="Lower end of the gain, 95 %")
    high = serializers.FloatField(required=False, help_text="Upper end of the gain, 95 %")
    recalls = serializers.ListField(child=serializers.DictField(), required=False)


class CoverageSerializer(serializers.Serializer[Any]):
    target = serializers.FloatField()
    coverage = serializers.FloatField(allow_null=True)


class FieldPolicySerializer(serializers.ModelSerializer[FieldPolicy]):
    coverage = serializers.SerializerMethodField(
        help_text="What the champion would decide alone at other targets"
    )

    class Meta:
        model = FieldPolicy
        fields = ("field", "target_precision", "use_model", "audit_share", "coverage")
        read_only_fields = ("field", "coverage")

    @extend_schema_field(CoverageSerializer(many=True))
    def get_coverage(self, policy: FieldPolicy) -> list[dict[str, Any]]:
        champion = ClassifierModel.objects.filter(field=policy.field, champion=True)
        curve = next(iter(champion.values_list("scores__curve", flat=True)), None) or []
        targets = sorted({*curves.SHOWN, policy.target_precision})
        return [
            {"target": target, "coverage": curves.coverage_at(curve, target)} for target in targets
        ]


class DriftSerializer(serializers.ModelSerializer[DriftDay]):
    override_rate = serializers.FloatField(
        read_only=True,
        allow_null=True,
        help_text="Of what people looked at, the share they changed",
    )
    level = serializers.SerializerMethodField(help_text="unknown, steady, watch or shifted")

    class Meta:
        model = DriftDay
        fields = (
            *("field", "day", "model", "decisions", "auto", "suggest", "review", "corrected"),
            *("agreed", "override_rate", "audited", "audited_wrong", "psi_category", "psi_words"),
            *("level", "measured_at"),
        )
        read_only_fields = fields

    def get_level(self, row: DriftDay) -> str:
        measured = [value for value in (row.psi_category, row.psi_words) if value is not None]
        return drift.level(max(measured, default=None))


class DaysSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField(min_value=1, max_value=730, default=30)
    field = serializers.ChoiceField(choices=Field.choices, required=False)
