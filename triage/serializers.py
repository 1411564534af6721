"""What the API shows of triage."""

from typing import Any

from rest_framework import serializers

from tickets.models import Tier
from triage.models import TriageAttempt, TriageBatch, TriageDecision, TriageJob


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


class NewBatchSerializer(serializers.Serializer[Any]):
    ticket_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        min_length=1,
        max_length=5000,
        help_text="Triage these again. Without it: every job that waits or has failed.",
    )


class BatchSerializer(serializers.ModelSerializer[TriageBatch]):
    status = serializers.SerializerMethodField(help_text="RUNNING or DONE")
    pending = serializers.IntegerField(read_only=True)
    running = serializers.IntegerField(read_only=True)
    done = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)

    class Meta:
        model = TriageBatch
        fields = (
            *("id", "status", "total_items", "pending", "running", "done", "failed"),
            *("requested_by", "created_at"),
        )
        read_only_fields = fields

    def get_status(self, batch: Any) -> str:
        return "RUNNING" if batch.pending or batch.running else "DONE"


class QueuedBatchSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    total_items = serializers.IntegerField()


class BatchAnswerSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["QUEUED", "EMPTY"])
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
