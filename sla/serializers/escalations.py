"""`escalations/`: the fields of the live feed's messages, and what was done."""

from typing import Any

from rest_framework import serializers

from sla.alerts import STATES
from sla.messages import sla_type
from sla.models import Escalation


class DetailsSerializer(serializers.Serializer[Any]):
    elapsed_minutes = serializers.FloatField(help_text="Of business time")
    target_minutes = serializers.FloatField()
    percent_used = serializers.FloatField()


class EscalationSerializer(serializers.ModelSerializer[Escalation]):
    ticket_id = serializers.IntegerField(read_only=True)
    sla_type = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    details = DetailsSerializer(source="*", read_only=True)
    timestamp = serializers.DateTimeField(source="detected_at", read_only=True)
    department = serializers.SlugRelatedField(slug_field="name", read_only=True)
    cycle = serializers.IntegerField(source="clock.cycle", read_only=True)
    lateness_seconds = serializers.SerializerMethodField(
        help_text="For how long it stood due and was not found"
    )

    class Meta:
        model = Escalation
        fields = (
            *("id", "ticket_id", "sla_type", "cycle", "state", "details", "timestamp", "level"),
            *("threshold", "priority", "customer_tier", "department", "due_at"),
            "lateness_seconds",
            *("skipped", "actions", "acknowledged_at", "acknowledged_by"),
        )
        read_only_fields = fields

    def get_sla_type(self, escalation: Escalation) -> str:
        return sla_type(escalation.clock.metric)

    def get_lateness_seconds(self, escalation: Escalation) -> float:
        return escalation.lateness.total_seconds()

    def get_state(self, escalation: Escalation) -> str:
        return STATES[escalation.breach]
