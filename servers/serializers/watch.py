"""Heartbeats and checks as the API shows them. Keys are shown once, when they are made."""

from typing import Any

from rest_framework import serializers

from servers.models import Check, CheckResult, Heartbeat, Kind, Said, Server
from servers.models.watch import Outcome
from servers.services.checks import problems
from tickets.serializers import NameField

SPOKEN = [(word.value, word.label) for word in (Said.OK, Said.START, Said.FAIL)]


class BeatSerializer(serializers.Serializer[Any]):
    """What a server says of itself."""

    status = serializers.ChoiceField(choices=SPOKEN, default=Said.OK)
    message = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="The first 300 characters are kept."
    )


class HeartbeatSerializer(serializers.ModelSerializer[Heartbeat]):
    server = serializers.CharField(source="server.name", read_only=True)

    class Meta:
        model = Heartbeat
        fields: tuple[str, ...] = (
            *("server", "enabled", "period_seconds", "grace_seconds", "key_hint"),
            *("previous_key_until", "status", "message", "last_at", "due_at"),
        )
        read_only_fields: tuple[str, ...] = (
            *("key_hint", "previous_key_until", "status", "message", "last_at", "due_at"),
        )


class NewHeartbeatSerializer(HeartbeatSerializer):
    """A heartbeat whose key was just made."""

    key = serializers.SerializerMethodField(help_text="Shown this once.")

    class Meta(HeartbeatSerializer.Meta):
        fields = (*HeartbeatSerializer.Meta.fields, "key")

    def get_key(self, beat: Heartbeat) -> str:
        return str(self.context["key"])


class CheckSerializer(serializers.ModelSerializer[Check]):
    server: Any = NameField(queryset=Server.objects.filter(kind=Kind.MONITORED), help_text="Name")
    last_result = serializers.DictField(
        read_only=True, help_text='{"milliseconds", "status", "tls_days"}'
    )

    class Meta:
        model = Check
        fields: tuple[str, ...] = (
            *("id", "server", "kind", "target", "enabled", "interval_seconds", "timeout_seconds"),
            *("status_min", "status_max", "max_milliseconds", "min_tls_days"),
            *("bad_in_a_row", "good_in_a_row", "verdict", "outcome", "streak", "checked_at"),
            *("last_result", "last_error", "next_at"),
        )
        read_only_fields: tuple[str, ...] = (
            *("verdict", "outcome", "streak", "checked_at", "last_error", "next_at"),
        )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        errors = problems(data, check=self.instance)
        if errors:
            raise serializers.ValidationError(errors)
        return data


class CheckResultSerializer(serializers.ModelSerializer[CheckResult]):
    class Meta:
        model = CheckResult
        fields = ("at", "outcome", "milliseconds", "status", "tls_days", "error")
        read_only_fields: tuple[str, ...] = fields


class TriedSerializer(serializers.Serializer[Any]):
    """What a look showed that was taken just now, and written nowhere."""

    outcome = serializers.ChoiceField(choices=Outcome.choices)
    reason = serializers.CharField(help_text="Why it is not well")
    milliseconds = serializers.IntegerField(allow_null=True)
    status = serializers.IntegerField(allow_null=True)
    tls_days = serializers.IntegerField(allow_null=True)
