"""Incidents and maintenance windows as the API shows them."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from servers.models import Incident, MaintenanceWindow, Server
from servers.services.maintenance import problems, wrong_labels
from tickets.models import Ticket, TicketEvent
from tickets.serializers import EventSerializer

SHOWN: Final = 50


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    server = serializers.SlugRelatedField[Server](slug_field="name", read_only=True)
    integration = serializers.SlugRelatedField[Any](slug_field="name", read_only=True)
    ticket = serializers.IntegerField(
        source="ticket_id", read_only=True, allow_null=True, help_text="None: it never had one."
    )

    class Meta:
        model = Incident
        fields: tuple[str, ...] = (
            *("id", "state", "title", "ticket", "server", "integration", "key", "labels"),
            *("impact", "urgency", "alerts", "first_at", "last_at", "resolve_at", "resolved_at"),
            *("suppressed", "flapping_since"),
        )
        read_only_fields = fields


class IncidentTicketSerializer(serializers.ModelSerializer[Ticket]):
    class Meta:
        model = Ticket
        fields = ("id", "title", "status", "priority", "opened_at", "resolved_at")
        read_only_fields = fields


class IncidentDetailSerializer(IncidentSerializer):
    ticket = IncidentTicketSerializer(read_only=True, allow_null=True)
    changed_at = serializers.ListField(
        child=serializers.DateTimeField(),
        read_only=True,
        help_text="When it was last well or ill again: what tells flapping",
    )
    history = serializers.SerializerMethodField(
        help_text=f"The ticket's last {SHOWN} events, newest first"
    )

    class Meta(IncidentSerializer.Meta):
        fields = (*IncidentSerializer.Meta.fields, "changed_at", "history")
        read_only_fields = fields

    @extend_schema_field(EventSerializer(many=True))
    def get_history(self, incident: Incident) -> Any:
        events = TicketEvent.objects.filter(ticket=incident.ticket_id).order_by("-pk")[:SHOWN]
        return EventSerializer(events, many=True).data


class LabelsField(serializers.DictField):
    child = serializers.CharField()

    def to_internal_value(self, data: Any) -> Any:
        if wrong := wrong_labels(data):
            raise serializers.ValidationError(wrong)
        return data


class MaintenanceWindowSerializer(serializers.ModelSerializer[MaintenanceWindow]):
    labels = LabelsField(
        help_text='What it covers, such as {"region": "eu-1"}: every label given must be equal. '
        "Servers have server, role, region, host_group and environment; alerts those of their sender, and server."
    )

    class Meta:
        model = MaintenanceWindow
        fields = ("id", "title", "starts_at", "ends_at", "labels", "created_by", "created_at")
        read_only_fields = ("created_by", "created_at")
        validators: list[Any] = []  # `problems` says it in better words

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if errors := problems(data, window=self.instance):
            raise serializers.ValidationError(errors)
        return data


class CoverSerializer(serializers.Serializer[Any]):
    labels = LabelsField(write_only=True)
    count = serializers.IntegerField(read_only=True, help_text="Servers that it covers")
    servers = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text=f"The first {SHOWN} of them"
    )
