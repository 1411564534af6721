"""Channels, routes and messages as the API shows them. Addresses and secrets are written, never read."""

from typing import Any

from rest_framework import serializers

from sla.models import Channel, ChannelRoute, DeliveryAttempt, Notification
from sla.models.notification import EVENTS
from sla.services.channels import problems
from tickets.models import Department, SupportGroup
from tickets.querysets import hidden_department_ids
from tickets.serializers import NameField


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    address = serializers.CharField(
        write_only=True,
        required=False,
        max_length=2000,
        help_text="Where messages are sent: of Slack the incoming webhook. Only its host is shown.",
    )
    rate_per_minute = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=60_000,
        help_text="Default: 60, for webhooks 600.",
    )
    digest_above = serializers.IntegerField(required=False, min_value=1, max_value=1000)
    recipients = serializers.ListField(
        child=serializers.EmailField(), required=False, max_length=100
    )
    for_people = serializers.BooleanField(
        required=False,
        help_text="Mail to assignees, groups and leads goes through this channel. Only one can do it.",
    )
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=[(kind.value, kind.label) for kind in EVENTS]),
        required=False,
        max_length=len(EVENTS),
        help_text="What a callback wants to hear of. Empty: alerts only, by routes.",
    )

    class Meta:
        model = Channel
        fields: tuple[str, ...] = (
            *("id", "name", "kind", "address", "host", "enabled", "disabled_reason"),
            *("recipients", "for_people", "rate_per_minute", "digest_above", "owner_id", "events"),
            *("failures", "next_attempt_at", "previous_secret_until", "created_at"),
        )
        read_only_fields = (
            *("host", "disabled_reason", "failures", "next_attempt_at", "previous_secret_until"),
            "created_at",
        )
        validators: list[Any] = []  # `problems` says it in better words

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        errors = problems(data, channel=self.instance)
        if errors:
            raise serializers.ValidationError(errors)
        return data


class NewChannelSerializer(ChannelSerializer):
    """A channel that was just made."""

    secret = serializers.SerializerMethodField(
        help_text="A webhook's secret (whsec_…), shown this once. Receivers check signatures with it."
    )

    class Meta(ChannelSerializer.Meta):
        fields = (*ChannelSerializer.Meta.fields, "secret")

    def get_secret(self, channel: Channel) -> str | None:
        return self.context.get("secret") or None


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Shown this once.")
    previous_secret_until = serializers.DateTimeField(
        allow_null=True,
        help_text="Until then the old one signs too; null when it cannot be read any more.",
    )


class ChannelRouteSerializer(serializers.ModelSerializer[ChannelRoute]):
    channel: Any = NameField(queryset=Channel.objects.order_by("name"))
    department: Any = NameField(
        queryset=Department.objects.order_by("name"),
        required=False,
        allow_null=True,
        help_text="Name. Empty: any.",
    )
    group: Any = NameField(
        queryset=SupportGroup.objects.order_by("name"),
        required=False,
        allow_null=True,
        help_text="Name. Empty: any.",
    )

    class Meta:
        model = ChannelRoute
        fields = ("id", "channel", "department", "group", "max_priority", "min_level")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        group = data.get("group", getattr(self.instance, "group", None))
        department = data.get("department", getattr(self.instance, "department", None))
        hidden = hidden_department_ids(self.context["request"].user)
        for field, place in (("department", department), ("group", group and group.department)):
            if place and place.pk in hidden:
                raise serializers.ValidationError(
                    {
                        field: [
                            f"{place} is restricted: its members choose who hears of its tickets."
                        ]
                    }
                )
        if group and department and group.department_id != department.pk:
            raise serializers.ValidationError(
                {"group": [f"{group} belongs to {group.department}, not {department}."]}
            )
        return data


class DeliverySerializer(serializers.ModelSerializer[DeliveryAttempt]):
    class Meta:
        model = DeliveryAttempt
        fields = ("at", "status", "error", "milliseconds")
        read_only_fields: tuple[str, ...] = fields


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    message_id = serializers.CharField(read_only=True, help_text="What receivers know it by.")
    channel = serializers.CharField(source="channel.name", read_only=True)

    class Meta:
        model = Notification
        fields: tuple[str, ...] = (
            *("id", "message_id", "channel", "kind", "ticket", "escalation", "recipient", "state"),
            *("outcome", "attempts", "error", "next_attempt_at", "give_up_at", "digest"),
            *("created_at", "ended_at"),
        )
        read_only_fields: tuple[str, ...] = fields


class NotificationDetailSerializer(NotificationSerializer):
    deliveries = DeliverySerializer(many=True, read_only=True)
    payload = serializers.DictField(read_only=True, help_text="What is sent, as data.")

    class Meta(NotificationSerializer.Meta):
        fields = (*NotificationSerializer.Meta.fields, "payload", "deliveries")
        read_only_fields: tuple[str, ...] = fields
