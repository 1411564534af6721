"""Integrations, their bodies and trials as the API shows them. Keys and secrets are shown once or never."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from rest_framework import serializers

from servers.models import Delivery, Integration
from servers.services.incidents import Result
from servers.services.integrations import address_of, problems, templates_in_use
from tickets.models import Department, SupportGroup
from tickets.serializers import NameField

RESULTS = [(result.value, result.value) for result in Result]


class IntegrationSerializer(serializers.ModelSerializer[Integration]):
    secret = serializers.CharField(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=500,
        help_text="Of Sentry the client secret, of Grafana that of its HMAC signature: bodies that are not signed "
        "with it are refused. Empty: none are checked.",
    )
    signed = serializers.SerializerMethodField(help_text="Whether signatures are checked.")
    address = serializers.SerializerMethodField(
        help_text="What the product is given, with the key where <key> stands."
    )
    templates = serializers.SerializerMethodField(
        help_text="Those in use: its own, or where they are empty those of its source."
    )
    department: Any = NameField(
        queryset=Department.objects.order_by("name"),
        required=False,
        allow_null=True,
        help_text="Name. Empty: triage decides.",
    )
    group: Any = NameField(
        queryset=SupportGroup.objects.order_by("name"),
        required=False,
        allow_null=True,
        help_text="Name.",
    )
    owner: Any = NameField(
        slug_field="username",
        queryset=get_user_model().objects.filter(is_active=True).order_by("username"),
        required=False,
        allow_null=True,
        help_text="Login name. Gets a ticket when it sends too much.",
    )

    class Meta:
        model = Integration
        fields: tuple[str, ...] = (
            *("id", "name", "source", "enabled", "address", "key_hint", "previous_key_until"),
            *("secret", "signed", "group_key", "title", "body", "severity", "resolve_condition"),
            *("templates", "department", "group", "owner", "rate_per_minute", "recovery_grace"),
            *("reopen_window", "limited_at", "last_alert_at", "created_at"),
        )
        read_only_fields = (
            *("key_hint", "previous_key_until", "limited_at", "last_alert_at", "created_at"),
        )

    def get_signed(self, integration: Integration) -> bool:
        return bool(integration.encrypted_secret)

    def get_address(self, integration: Integration) -> str:
        return settings.PUBLIC_URL + address_of(integration.source)

    def get_templates(self, integration: Integration) -> dict[str, str]:
        return templates_in_use(integration)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        errors = problems(data, integration=self.instance)
        if errors:
            raise serializers.ValidationError(errors)
        return data


class NewIntegrationSerializer(IntegrationSerializer):
    """An integration that was just made."""

    key = serializers.SerializerMethodField(help_text="Shown this once.")

    class Meta(IntegrationSerializer.Meta):
        fields = (*IntegrationSerializer.Meta.fields, "key")

    def get_key(self, integration: Integration) -> str:
        return str(self.context["key"])


class RotateSerializer(serializers.Serializer[Any]):
    keep_old_hours = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=24 * 90,
        default=24,
        help_text="For so long the old key is good too. 0: it ends now.",
    )


class KeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Shown this once.")
    address = serializers.CharField(help_text="With the key in it.")
    previous_key_until = serializers.DateTimeField(allow_null=True)


class AlertResultSerializer(serializers.Serializer[Any]):
    """What became of one alert."""

    result = serializers.ChoiceField(choices=RESULTS)
    ticket = serializers.IntegerField(allow_null=True)
    key = serializers.CharField(help_text="The problem that it is about.")
    detail = serializers.CharField(help_text="Why, in a sentence.")


class IntakeDeliverySerializer(serializers.ModelSerializer[Delivery]):
    integration = serializers.CharField(source="integration.name", read_only=True)
    results = AlertResultSerializer(many=True, read_only=True)

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            *("id", "integration", "state", "received_at", "finished_at", "attempts", "error"),
            *("results", "request_id"),
        )
        read_only_fields: tuple[str, ...] = fields


class IntakeDeliveryDetailSerializer(IntakeDeliverySerializer):
    content = serializers.SerializerMethodField(help_text="The body as it came.")

    class Meta(IntakeDeliverySerializer.Meta):
        fields = (*IntakeDeliverySerializer.Meta.fields, "content_type", "content")
        read_only_fields: tuple[str, ...] = fields

    def get_content(self, delivery: Delivery) -> str:
        return bytes(delivery.body).decode(errors="replace")


class AlertTrialRequestSerializer(serializers.Serializer[Any]):
    payload = serializers.JSONField(help_text="The body as the product sends it.")


class TriedAlertSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    action = serializers.CharField(help_text="trigger, acknowledge, resolve")
    title = serializers.CharField()
    body = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    server = serializers.CharField()
    at = serializers.DateTimeField()
    impact = serializers.IntegerField(allow_null=True)
    urgency = serializers.IntegerField(allow_null=True)


class AlertTrialSerializer(serializers.Serializer[Any]):
    """What one alert of the payload would become now."""

    result = serializers.ChoiceField(choices=RESULTS)
    detail = serializers.CharField()
    ticket = serializers.IntegerField(
        allow_null=True, help_text="The one that is there already; a new one has no number yet."
    )
    severity = serializers.CharField(allow_null=True, help_text="null: its word is not known.")
    priority = serializers.IntegerField(allow_null=True, help_text="null: triage decides.")
    alert = TriedAlertSerializer(allow_null=True, help_text="null: it is no alert.")
