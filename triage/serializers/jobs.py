"""Jobs, batches, decisions and analyses as the API shows them."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from tickets.models import Tier
from triage.models import TriageAttempt, TriageBatch, TriageDecision, TriageJob
from triage.models.decisions import differences
from workers.leases import State


class DecisionSerializer(serializers.ModelSerializer[TriageDecision]):
    class Meta:
        model = TriageDecision
        fields = (
            *(
                "id",
                "job",
                "ticket",
                "category",
                "impact",
                "urgency",
                "priority",
                "department",
                "group",
            ),
            *(
                "confidence",
                "band",
                "fields",
                "alternatives",
                "words",
                "rules",
                "model",
                "input_hash",
            ),
            *("engines", "prompt", "fallback", "refined", "tokens_in", "tokens_out", "cost"),
            *("milliseconds", "created_at"),
        )
        read_only_fields = fields


class AttemptSerializer(serializers.ModelSerializer[TriageAttempt]):
    class Meta:
        model = TriageAttempt
        fields = ("attempt", "error", "at")
        read_only_fields = fields


class JobSerializer(serializers.ModelSerializer[TriageJob]):
    failed_attempts = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = TriageJob
        fields = (
            *("id", "ticket", "batch", "state", "attempts", "failed_attempts", "error"),
            *("request_id", "created_at", "finished_at"),
        )
        read_only_fields = fields


class NewJobSerializer(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


@extend_schema_serializer(
    examples=[OpenApiExample("These again", {"ticket_ids": [4711, 4712]}, request_only=True)]
)
class NewBatchSerializer(serializers.Serializer[Any]):
    ticket_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        min_length=1,
        max_length=5000,
        help_text="Triage these again. Without it: every job that waits or has failed.",
    )
    owner_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Only tickets of this owner"
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "All unsorted ones of a month",
            {
                "filters": {"category": "general", "opened_after": "2026-03-01T00:00:00Z"},
                "dry_run": True,
            },
            request_only=True,
        )
    ]
)
class ChosenBatchSerializer(serializers.Serializer[Any]):
    filters = serializers.DictField(
        help_text="Name and value as `GET tickets/` takes them; several values as a list or with commas."
    )
    dry_run = serializers.BooleanField(required=False, default=False)

    def validate_filters(self, filters: dict[str, Any]) -> dict[str, str]:
        return {str(name): as_query(name, value) for name, value in filters.items()}


def as_query(name: str, value: Any) -> str:
    """A filter's JSON value as it stands in a query string."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, str | int) and not isinstance(v, bool) for v in values):
        raise serializers.ValidationError({name: ["Give a text, a number, or a list of them."]})
    text = ",".join(map(str, values))
    if "\x00" in text:
        raise serializers.ValidationError({name: ["Null characters are not allowed."]})
    return text


class BatchSerializer(serializers.ModelSerializer[TriageBatch]):
    """With `progress` (batch -> Progress) and `now` in its context.

    While a batch is QUEUED its jobs are still being written, and `total_items` is what was counted before.
    """

    status = serializers.ChoiceField(
        choices=["QUEUED", "RUNNING", "DONE", "FAILED"], read_only=True
    )
    pending = serializers.IntegerField(read_only=True)
    running = serializers.IntegerField(read_only=True)
    done = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)
    percent = serializers.FloatField(read_only=True)
    seconds_left = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="At the pace of the last minute"
    )

    class Meta:
        model = TriageBatch
        fields = (
            *("id", "status", "total_items", "pending", "running", "done", "failed"),
            *("percent", "seconds_left", "filters", "owner_id", "requested_by", "error"),
            *("created_at", "finished_at"),
        )
        read_only_fields = fields

    def to_representation(self, batch: TriageBatch) -> dict[str, Any]:
        progress = self.context["progress"][batch.pk]
        return {
            "id": batch.pk,
            "status": batch.status(progress),
            "total_items": batch.total_items,
            **{name: getattr(progress, name) for name in State.values},
            **batch.forecast(progress, self.context["now"]),
            "filters": batch.filters,
            "owner_id": batch.owner_id,
            "requested_by": batch.requested_by,
            "error": batch.error,
            "created_at": batch.created_at,
            "finished_at": batch.ended_at(progress),
        }


class ShortDecisionSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    category = serializers.CharField()
    priority = serializers.IntegerField()
    department = serializers.CharField()
    band = serializers.CharField()
    confidence = serializers.FloatField()
    changes = serializers.DictField(
        allow_null=True,
        child=serializers.ListField(),
        help_text="Field -> [before, now], against the ticket's decision before; null: there was none.",
    )


class BatchJobSerializer(serializers.ModelSerializer[TriageJob]):
    """With `decisions` (job -> (decision, the one before it)) in its context."""

    decision = serializers.SerializerMethodField()
    changed = serializers.SerializerMethodField(help_text="Null: not decided yet")

    class Meta:
        model = TriageJob
        fields = (
            "id",
            "ticket",
            "state",
            "attempts",
            "error",
            "finished_at",
            "changed",
            "decision",
        )
        read_only_fields = fields

    @extend_schema_field(ShortDecisionSerializer(allow_null=True))
    def get_decision(self, job: TriageJob) -> dict[str, Any] | None:
        decision, before = self.context["decisions"].get(job.pk, (None, None))
        if decision is None:
            return None
        names = ("id", "category", "priority", "department", "band", "confidence")
        changes = differences(before, decision) if before else None
        return {**{name: getattr(decision, name) for name in names}, "changes": changes}

    def get_changed(self, job: TriageJob) -> bool | None:
        decision, before = self.context["decisions"].get(job.pk, (None, None))
        if decision is None:
            return None
        return before is None or bool(differences(before, decision))


class RetriedSerializer(serializers.Serializer[Any]):
    retried = serializers.IntegerField()


class QueuedBatchSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    total_items = serializers.IntegerField()


class BatchAnswerSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["QUEUED", "EMPTY", "DRY_RUN"])
    batch = QueuedBatchSerializer(allow_null=True)
    total_items = serializers.IntegerField()


class AnalyzeSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    description = serializers.CharField(
        max_length=65_536, required=False, allow_blank=True, default=""
    )
    source = serializers.CharField(max_length=40, required=False, default="api")
    customer_tier = serializers.ChoiceField(
        choices=Tier.choices, required=False, default=Tier.STANDARD
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not (data["title"].strip() or data["description"].strip()):
            raise serializers.ValidationError({"description": ["Give a title or a description."]})
        return data


class AnalysisSerializer(serializers.Serializer[Any]):
    """`predicted_classification` and `predicted_priority` repeat category and the priority's word."""

    title = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    predicted_classification = serializers.CharField()
    impact = serializers.IntegerField()
    urgency = serializers.IntegerField()
    priority = serializers.IntegerField()
    predicted_priority = serializers.CharField()
    department = serializers.CharField()
    group = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField()
    band = serializers.CharField()
    fields_explained = serializers.DictField(child=serializers.DictField())
    alternatives = serializers.ListField(child=serializers.ListField())
    words = serializers.ListField(child=serializers.ListField())
    rules = serializers.ListField(child=serializers.IntegerField())
    model = serializers.CharField()
    milliseconds = serializers.FloatField()
