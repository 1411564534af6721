"""The review queue and corrections, as the API shows them."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from tickets.models import Level, Priority, Ticket
from triage.models import Correction, TriageDecision
from triage.reading import ReviewItem


class ReviewTicketSerializer(serializers.ModelSerializer[Ticket]):
    """Of a ticket, what its reviewer needs."""

    category = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    department = serializers.SlugRelatedField(slug_field="name", read_only=True)
    group = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = Ticket
        fields = (
            *("id", "version", "title", "description", "requester_name", "source"),
            *("customer_tier", "tags", "status", "opened_at", "category", "impact", "urgency"),
            *("priority", "department", "group", "locked_fields", "due_at", "escalation_level"),
        )
        read_only_fields = fields


class AlternativeSerializer(serializers.Serializer[Any]):
    category = serializers.CharField()
    share = serializers.FloatField(help_text="0 to 1")


class WordSerializer(serializers.Serializer[Any]):
    word = serializers.CharField()
    weight = serializers.FloatField()


class SuggestionSerializer(serializers.Serializer[Any]):
    """What triage thinks of the ticket. `fields`: who decided each and why, with what that engine knew."""

    decision = serializers.IntegerField()
    category = serializers.CharField()
    confidence = serializers.FloatField(help_text="Of the category, 0 to 1")
    threshold = serializers.FloatField(
        allow_null=True, help_text="From here on triage acts alone; above 1: never"
    )
    band = serializers.CharField()
    why = serializers.CharField()
    fields_explained = serializers.DictField(child=serializers.DictField())
    alternatives = AlternativeSerializer(many=True)
    words = WordSerializer(many=True)
    rules = serializers.ListField(child=serializers.CharField())
    model = serializers.CharField()
    refined = serializers.BooleanField()
    decided_at = serializers.DateTimeField()


class ReviewItemSerializer(serializers.Serializer[Any]):
    ticket = ReviewTicketSerializer()
    rank = serializers.IntegerField(
        help_text="How much it needs a look: (1 − confidence) × nearness of its deadline × priority"
    )
    sla_state = serializers.CharField(help_text="ok, warning, breached, paused or none")
    suggestion = SuggestionSerializer(allow_null=True)


class NextReviewSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(help_text="Tickets in the queue; 1001 means more than 1000")
    item = ReviewItemSerializer(allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Another category",
            {"category": "network", "impact": 2, "version": 3},
            request_only=True,
        )
    ]
)
class ReviewSerializer(serializers.Serializer[Any]):
    """`accept`, or values; what is not named is confirmed as triage decided it."""

    accept = serializers.BooleanField(required=False, default=False)
    category = serializers.CharField(max_length=80, required=False, help_text="Slug, name or alias")
    impact = serializers.ChoiceField(choices=Level.choices, required=False)
    urgency = serializers.ChoiceField(choices=Level.choices, required=False)
    department = serializers.CharField(max_length=80, required=False)
    group = serializers.CharField(max_length=80, required=False)
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="The version you read"
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data["accept"] and not data.keys() - {"accept", "version"}:
            raise serializers.ValidationError(
                {"accept": ["Send true, or the category, impact, urgency, department or group."]}
            )
        return data


class ReviewedSerializer(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField()
    result = serializers.ChoiceField(choices=["confirmed", "changed"])
    changed = serializers.ListField(child=serializers.CharField())
    category = serializers.CharField(allow_null=True)
    impact = serializers.ChoiceField(choices=Level.choices, allow_null=True)
    urgency = serializers.ChoiceField(choices=Level.choices, allow_null=True)
    priority = serializers.ChoiceField(choices=Priority.choices, allow_null=True)
    department = serializers.CharField(allow_null=True)
    group = serializers.CharField(allow_null=True)
    version = serializers.IntegerField()
    undo_token = serializers.CharField()
    undo_until = serializers.DateTimeField()


class UndoSerializer(serializers.Serializer[Any]):
    undo_token = serializers.CharField(max_length=4000)


class CorrectionSerializer(serializers.ModelSerializer[Correction]):
    class Meta:
        model = Correction
        fields = (
            *("id", "ticket", "decision", "field", "before", "value", "agreed", "band"),
            *("confidence", "via", "by", "at", "undone_at"),
        )
        read_only_fields = fields


_TICKET = ReviewTicketSerializer()


def show_item(item: ReviewItem, now: datetime) -> dict[str, Any]:
    return {
        "ticket": _TICKET.to_representation(item.ticket),
        "rank": item.rank,
        "sla_state": item.ticket.sla_state(now).value,
        "suggestion": _show_suggestion(item.decision, item.rules) if item.decision else None,
    }


def _show_suggestion(decision: TriageDecision, rules: list[str]) -> dict[str, Any]:
    said = decision.fields.get("category", {})
    return {
        "decision": decision.pk,
        "category": decision.category,
        "confidence": decision.confidence,
        "threshold": said.get("threshold"),
        "band": decision.band,
        "why": said.get("why", ""),
        "fields_explained": {
            name: {"value": getattr(decision, name, None), **about}
            for name, about in decision.fields.items()
        },
        "alternatives": [
            {"category": label, "share": share} for label, share in decision.alternatives
        ],
        "words": [{"word": word, "weight": weight} for word, weight in decision.words],
        "rules": rules,
        "model": decision.model,
        "refined": decision.refined,
        "decided_at": decision.created_at,
    }
