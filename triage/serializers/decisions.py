"""Replayed decisions as the API shows them."""

from typing import Any, Final

from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from triage.models.decisions import DECIDED
from triage.services.replaying import Replay

#: Tickets that the language model is asked about while a caller waits.
MOST_ASKED: Final = 5


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Two tickets without a classifier",
            {"ticket_ids": [4711, 4712], "model": "rules"},
            request_only=True,
        )
    ]
)
class ReplaySerializer(serializers.Serializer[Any]):
    """What to decide again, and with what."""

    ticket_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        min_length=1,
        max_length=100,
        help_text="Each against its newest decision",
    )
    decision_id = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="One decision of the past"
    )
    model = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=80,
        help_text="A classifier's name, or `rules` for no classifier. Null: those in use.",
    )

    prompt = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=80,
        help_text="A prompt's name and version, `ticket-triage v1`: the language model is asked, too, about "
        f"at most {MOST_ASKED} tickets.",
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("ticket_ids" in data) == ("decision_id" in data):
            raise serializers.ValidationError(
                {"ticket_ids": ["Give either ticket_ids or a decision_id."]}
            )
        if data["prompt"] is not None and len(data.get("ticket_ids", ())) > MOST_ASKED:
            raise serializers.ValidationError(
                {"ticket_ids": [f"With a prompt at most {MOST_ASKED}: the caller waits for each."]}
            )
        return data


class OutcomeSerializer(serializers.Serializer[Any]):
    category = serializers.CharField()
    impact = serializers.IntegerField()
    urgency = serializers.IntegerField()
    priority = serializers.IntegerField()
    department = serializers.CharField()
    group = serializers.CharField(allow_blank=True)
    band = serializers.CharField()
    confidence = serializers.FloatField()
    model = serializers.CharField(allow_blank=True)
    engines = serializers.ListField(child=serializers.CharField())
    alternatives = serializers.ListField(child=serializers.ListField())
    words = serializers.ListField(child=serializers.ListField())
    fields_explained = serializers.DictField(child=serializers.DictField())


class RecordedSerializer(OutcomeSerializer):
    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class ReplayedSerializer(serializers.Serializer[Replay]):
    ticket = serializers.IntegerField(source="ticket.pk")
    same_input = serializers.BooleanField(
        help_text="Decided from the text of the recorded decision: the ticket was not edited since"
    )
    recorded = serializers.SerializerMethodField()
    now = serializers.SerializerMethodField()
    differences = serializers.DictField(
        child=serializers.ListField(), help_text="Field -> [recorded, now]"
    )
    error = serializers.CharField(allow_blank=True, help_text="Why nothing could be decided now")

    @extend_schema_field(RecordedSerializer(allow_null=True))
    def get_recorded(self, replay: Replay) -> dict[str, Any] | None:
        recorded = replay.recorded
        if recorded is None:
            return None
        return {"id": recorded.pk, **outcome(recorded), "created_at": recorded.created_at}

    @extend_schema_field(OutcomeSerializer(allow_null=True))
    def get_now(self, replay: Replay) -> dict[str, Any] | None:
        return outcome(replay.decision) if replay.decision else None


class ReplayAnswerSerializer(serializers.Serializer[Any]):
    results = ReplayedSerializer(many=True)


def outcome(decision: Any) -> dict[str, Any]:
    """A decision, recorded or new."""
    return {
        **{name: getattr(decision, name) for name in DECIDED},
        "group": decision.group or "",
        "band": decision.band,
        "confidence": round(decision.confidence, 4),
        "model": decision.model,
        "engines": list(decision.engines),
        "alternatives": [[label, round(share, 4)] for label, share in decision.alternatives],
        "words": [[word, round(weight, 3)] for word, weight in decision.words],
        "fields_explained": decision.fields,
    }
