"""How intake, checked by pydantic models, appears in the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from tickets.lifecycle import Status
from tickets.models import Tier

WORD = "1-4, P1-P4, or critical, high, medium, low"


class TicketPatchSchema(serializers.Serializer[Any]):
    """Describes `intake.TicketPatch`; tests/tickets/test_schema.py holds the two together."""

    title = serializers.CharField(max_length=255, required=False)
    description = serializers.CharField(required=False, allow_blank=True, help_text="At most 64 KB")
    requester_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    requester_email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    customer_tier = serializers.ChoiceField(choices=Tier.choices, required=False)
    impact = serializers.IntegerField(min_value=1, max_value=3, required=False, allow_null=True)
    urgency = serializers.IntegerField(min_value=1, max_value=3, required=False, allow_null=True)
    priority = serializers.CharField(required=False, allow_null=True, help_text=WORD)
    priority_locked = serializers.BooleanField(required=False)
    category = serializers.CharField(
        required=False, allow_null=True, help_text="Slug, name or alias"
    )
    department = serializers.CharField(required=False, allow_null=True)
    group = serializers.CharField(required=False, allow_null=True)
    assignee = serializers.CharField(required=False, allow_null=True, help_text="Login name")
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50), max_length=30, required=False
    )
    server = serializers.CharField(max_length=120, required=False, allow_blank=True)
    version = serializers.IntegerField(
        min_value=1, required=False, help_text="The version you read"
    )


class TicketInSchema(TicketPatchSchema):
    """Describes `intake.TicketIn`. Give a title or a description."""

    version = None
    external_id = serializers.CharField(
        max_length=255, required=False, help_text="Its id in your system: sent again, it updates"
    )
    source = serializers.CharField(max_length=40, required=False, default="api")
    owner_id = serializers.UUIDField(required=False, allow_null=True)
    status = serializers.ChoiceField(choices=[*Status.values, "pending"], required=False)
    opened_at = serializers.DateTimeField(
        required=False, help_text="Since 1970; now when not given"
    )
    updated_at = serializers.DateTimeField(
        required=False, help_text="An update that is not newer is ignored"
    )


class ItemErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    status = serializers.IntegerField()
    message = serializers.CharField()
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class BatchItemSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["CREATED", "UPDATED", "UNCHANGED", "FAILED"])
    ticket_id = serializers.IntegerField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    owner_id = serializers.CharField(allow_null=True)
    error = ItemErrorSerializer(required=False)


class BatchResultSerializer(serializers.Serializer[Any]):
    results = BatchItemSerializer(many=True)


class DeletedSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
