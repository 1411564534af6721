"""How policies and calendars, checked by pydantic models, appear in the API and its OpenAPI document."""

from typing import Any

from rest_framework import serializers

from sla.models import BusinessCalendar, SlaPolicy, SlaPolicyVersion
from sla.services.policies import MOST_POSITION

DOCUMENT = (
    "calendar (the name of a stored one, or that one whole), tiers (tier → priority → first_response, "
    "next_update, resolution, such as 30m or 4h), levels, departments, acknowledgement"
)
HOURS = 'Slots by weekday: {"mon-fri": ["09:00-12:30", "13:30-18:00"]}; always open without'
MOVE_OPEN = "Move the deadlines of open tickets too"


class VersionSerializer(serializers.ModelSerializer[SlaPolicyVersion]):
    document = serializers.DictField(help_text=DOCUMENT)

    class Meta:
        model = SlaPolicyVersion
        fields = ("id", "number", "document", "created_by", "created_at")
        read_only_fields = fields


class PolicySerializer(serializers.ModelSerializer[SlaPolicy]):
    version = serializers.SerializerMethodField(help_text="The newest one")

    class Meta:
        model = SlaPolicy
        fields = ("id", "name", "position", "enabled", "is_default", "source", "version")
        read_only_fields = fields

    def get_version(self, policy: Any) -> VersionSerializer:
        return VersionSerializer(policy.newest[0]).data  # type: ignore[return-value]


class PolicyInSchema(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    position = serializers.IntegerField(
        min_value=0, max_value=MOST_POSITION, required=False, help_text="Lower ones are asked first"
    )
    enabled = serializers.BooleanField(required=False)
    document = serializers.DictField(help_text=DOCUMENT)
    move_open = serializers.BooleanField(required=False, default=False, help_text=MOVE_OPEN)


class HolidaySchema(serializers.Serializer[Any]):
    date = serializers.CharField(help_text="2026-12-24, or 12-24 for every year")
    name = serializers.CharField(max_length=100, required=False)


class CalendarFieldsSchema(serializers.Serializer[Any]):
    """Describes `document.Calendar`."""

    name = serializers.CharField(max_length=80)
    time_zone = serializers.CharField(required=False, help_text="Such as Europe/Berlin")
    hours = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), required=False, help_text=HOURS
    )
    country = serializers.CharField(
        required=False, allow_blank=True, help_text="ISO code, for its public holidays"
    )
    subdivision = serializers.CharField(required=False, allow_blank=True)
    holidays = HolidaySchema(many=True, required=False)


class CalendarInSchema(CalendarFieldsSchema):
    move_open = serializers.BooleanField(required=False, default=True, help_text=MOVE_OPEN)


class CalendarSerializer(CalendarFieldsSchema):
    id = serializers.IntegerField()
    source = serializers.ChoiceField(choices=["admin", "file"])
    policies = serializers.ListField(
        child=serializers.CharField(), help_text="Those that use it, by name"
    )
    updated_at = serializers.DateTimeField()


def show_calendar(row: BusinessCalendar, policies: list[str]) -> dict[str, Any]:
    return {
        "id": row.pk,
        **row.document().model_dump(mode="json"),
        "source": row.source,
        "policies": policies,
        "updated_at": row.updated_at,
    }


class MoveOpenSerializer(serializers.Serializer[Any]):
    move_open = serializers.BooleanField(required=False, default=True)


class ImportSerializer(MoveOpenSerializer):
    ical = serializers.CharField(trim_whitespace=False, help_text="An iCalendar file (RFC 5545)")


class ImportedSerializer(serializers.Serializer[Any]):
    added = serializers.IntegerField(help_text="Days that the calendar did not have")
    skipped = serializers.ListField(
        child=serializers.CharField(), help_text="Events that are no holidays, and why"
    )


class FieldChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    old = serializers.CharField(allow_blank=True)
    new = serializers.CharField(allow_blank=True)


class ChangeSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="calendar or policy")
    name = serializers.CharField()
    action = serializers.CharField(help_text="new, changed, enabled, disabled or removed")
    fields = FieldChangeSerializer(many=True)


class MovesSerializer(serializers.Serializer[Any]):
    tickets = serializers.IntegerField(help_text="Open tickets with a deadline that would move")
    earlier = serializers.IntegerField(help_text="Deadlines")
    later = serializers.IntegerField()
    started = serializers.IntegerField(help_text="Deadlines where there was none")
    ended = serializers.IntegerField(help_text="Deadlines that would be no more")
    breached = serializers.IntegerField(help_text="Deadlines that would be missed at once")


class PlanSerializer(serializers.Serializer[Any]):
    changes = ChangeSerializer(many=True)
    open_tickets = serializers.DictField(
        child=serializers.IntegerField(), help_text="Open tickets on each policy now"
    )
    moves = MovesSerializer()
    summary = serializers.CharField(source="moves", help_text="The moves in words")
