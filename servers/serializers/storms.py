"""A storm, and the request to dissolve it."""

from rest_framework import serializers

from servers.models import Storm


class StormSerializer(serializers.ModelSerializer[Storm]):
    ticket = serializers.IntegerField(
        source="ticket_id",
        help_text="Its parent ticket; …/tickets/{ticket}/children/ lists the others",
    )
    incidents = serializers.IntegerField(
        source="incidents_count", help_text="How many joined so far"
    )

    class Meta:
        model = Storm
        fields = (
            *("id", "ticket", "state", "labels", "title", "why", "expected", "observed"),
            *("incidents", "started_at", "last_at", "ended_at"),
        )
        read_only_fields = fields
