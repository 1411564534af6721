"""What the API shows of the language model: prompts, when it is asked, and the log of a job."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from tickets.models import Category
from tickets.serializers import NameField
from triage.models import AskPolicy, Prompt


class PromptSerializer(serializers.ModelSerializer[Prompt]):
    class Meta:
        model = Prompt
        fields = (
            *("id", "name", "version", "owner_id", "active", "is_default", "system", "template"),
            *("input_schema", "output_schema", "invariants", "created_by", "created_at"),
        )
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The next version with another text",
            {"name": "ticket-triage", "template": "Ticket: {{ title }}\n{{ description }}"},
            request_only=True,
        )
    ]
)
class NewPromptSerializer(serializers.Serializer[Any]):
    """What is left out is taken from the newest version of that name."""

    name = serializers.RegexField(
        r"^[a-z0-9][a-z0-9_-]*$",
        max_length=60,
        error_messages={"invalid": "Use small letters, digits, - and _: ticket-triage."},
    )
    owner_id = serializers.UUIDField(required=False, allow_null=True)
    system = serializers.CharField(required=False, max_length=20_000, trim_whitespace=False)
    template = serializers.CharField(required=False, max_length=20_000, trim_whitespace=False)
    input_schema = serializers.DictField(required=False)
    output_schema = serializers.DictField(required=False)
    invariants = serializers.DictField(required=False)
    active = serializers.BooleanField(required=False, default=True)
    is_default = serializers.BooleanField(required=False, default=False)


class ActiveSerializer(serializers.Serializer[Any]):
    active = serializers.BooleanField()


class TrySerializer(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class TrialSerializer(serializers.Serializer[Any]):
    """`problems` says why there is no `decision`; without a model only `system` and `user` are filled."""

    system = serializers.CharField()
    user = serializers.CharField()
    masked = serializers.DictField(child=serializers.IntegerField())
    output = serializers.CharField()
    problems = serializers.ListField(child=serializers.CharField())
    decision = serializers.DictField(allow_null=True)
    model = serializers.CharField()
    milliseconds = serializers.FloatField()
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()


class AskPolicySerializer(serializers.ModelSerializer[AskPolicy]):
    """`category` is a slug; null: every category without a line of its own."""

    category: Any = NameField("slug", queryset=Category.objects.all(), allow_null=True)

    class Meta:
        model = AskPolicy
        fields = ("id", "category", "when")
        validators: list[Any] = []

    def validate_category(self, category: Category | None) -> Category | None:
        others = AskPolicy.objects.filter(category=category)
        if self.instance is not None:
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            raise serializers.ValidationError("There is a line for this already: change that one.")
        return category


class LogLineSerializer(serializers.Serializer[Any]):
    """One attempt of one engine. `repair`: the second call of an attempt, which quotes what was wrong."""

    engine = serializers.ChoiceField(choices=["triage", "llm"])
    attempt = serializers.IntegerField()
    repair = serializers.BooleanField()
    success = serializers.BooleanField()
    error = serializers.CharField()
    model = serializers.CharField()
    prompt = serializers.CharField()
    input = serializers.JSONField(allow_null=True)
    output = serializers.JSONField(allow_null=True)
    milliseconds = serializers.FloatField(allow_null=True)
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=12, decimal_places=6)
    at = serializers.DateTimeField()
