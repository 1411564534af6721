"""Schedules of reports and what they sent."""

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers

from analytics.models import ReportDelivery, ReportSchedule
from analytics.services import scheduling
from tickets.models import Department
from tickets.serializers import NameField
from workers.leases import State


class ReportScheduleSerializer(serializers.ModelSerializer[ReportSchedule]):
    department = NameField(
        queryset=Department.objects.all(),
        required=False,
        allow_null=True,
        help_text="null: all departments that the receiver may see",
    )
    people = NameField(
        slug_field="username",
        queryset=get_user_model().objects.all(),
        many=True,
        required=False,
        help_text="Login names",
    )

    class Meta:
        model = ReportSchedule
        fields = (
            *("id", "name", "enabled", "frequency", "weekday", "hour", "time_zone", "department"),
            *("people", "addresses", "attach_tickets", "active_since", "created_at"),
        )
        read_only_fields = ("active_since", "created_at")
        extra_kwargs = {"addresses": {"required": False, "max_length": 50}}

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if errors := scheduling.problems(
            values, by=self.context["request"].user, schedule=self.instance
        ):
            raise serializers.ValidationError(errors)
        return values


class ReportDeliverySerializer(serializers.ModelSerializer[ReportDelivery]):
    schedule = serializers.PrimaryKeyRelatedField(read_only=True)
    name = serializers.CharField(source="schedule.name", read_only=True)
    state = serializers.ChoiceField(choices=State.choices, read_only=True)
    left_out = serializers.DictField(
        child=serializers.CharField(), read_only=True, help_text="Who was not sent it, and why"
    )

    class Meta:
        model = ReportDelivery
        fields = (
            *("id", "schedule", "name", "first_day", "last_day", "time_zone", "requested_by"),
            *("state", "sent_to", "left_out", "error", "created_at", "finished_at"),
        )
        read_only_fields = fields
