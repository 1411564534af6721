"""A ticket's clocks, explained."""

from typing import Any

from rest_framework import serializers

from sla.reading import ClockReading
from sla.services import clockwork
from tickets.serializers import TicketSerializer


class LineSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    counted_seconds = serializers.FloatField(help_text="0 for time that was skipped")
    why = serializers.CharField(help_text="counted, closed, on hold, or the holiday's name")
    text = serializers.CharField(help_text="In words, in the calendar's time zone")


class LedgerSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    details = serializers.DictField()


class ReachedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    level = serializers.IntegerField()
    threshold = serializers.CharField()
    breach = serializers.BooleanField()
    skipped = serializers.BooleanField(help_text="Found late together with a higher level")
    due_at = serializers.DateTimeField()
    detected_at = serializers.DateTimeField()
    lateness_seconds = serializers.FloatField()
    actions = serializers.ListField(child=serializers.CharField())
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField()


class NextLevelSerializer(serializers.Serializer[Any]):
    level = serializers.IntegerField()
    threshold = serializers.CharField()
    at = serializers.DateTimeField()


class ClockSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    metric = serializers.CharField(help_text="first_response, next_update or resolution")
    cycle = serializers.IntegerField(help_text="2 after the first reopening or answer, and so on")
    state = serializers.CharField(help_text="running, paused, met, breached or cancelled")
    policy = serializers.CharField()
    policy_version = serializers.IntegerField()
    calendar = serializers.CharField()
    time_zone = serializers.CharField()
    started_at = serializers.DateTimeField()
    stopped_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True, help_text="null while paused")
    target = serializers.CharField(help_text="Of business time, such as 4h")
    target_seconds = serializers.FloatField()
    elapsed_seconds = serializers.FloatField()
    remaining_seconds = serializers.FloatField(help_text="Negative when breached")
    percent_used = serializers.FloatField()
    breached = serializers.BooleanField()
    breached_by_seconds = serializers.FloatField(help_text="Of business time")
    level = serializers.IntegerField(help_text="The highest level of escalation so far")
    acknowledged_until = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField()
    next_escalation = NextLevelSerializer(allow_null=True)
    explanation = LineSerializer(many=True)
    ledger = LedgerSerializer(many=True)
    escalations = ReachedSerializer(many=True)


class AlertSerializer(serializers.Serializer[Any]):
    sla_type = serializers.CharField(help_text="response, next_update or resolution")
    state = serializers.CharField(help_text="alert or breach")
    created_at = serializers.DateTimeField()
    details = serializers.DictField()


class TicketSlaSerializer(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField()
    sla_state = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    escalation_level = serializers.IntegerField()
    follows = serializers.IntegerField(
        allow_null=True,
        help_text="The ticket it is attached to: the clocks count, and that one's warn and escalate",
    )
    clocks = ClockSerializer(many=True)
    alerts = AlertSerializer(many=True)


class AcknowledgeSerializer(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(
        min_value=1,
        max_value=7 * 24 * 60,
        required=False,
        allow_null=True,
        default=None,
        help_text="How long; as the policy says when left out",
    )


class AcknowledgedSerializer(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField()
    acknowledged_until = serializers.DateTimeField()


class DashboardSerializer(serializers.Serializer[Any]):
    state = serializers.CharField(allow_null=True)
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()
    tickets = TicketSerializer(many=True)


def show_clock(reading: ClockReading) -> dict[str, Any]:
    """A clock as the API shows it."""
    clock, promise = reading.clock, reading.promise
    overdue = max(-reading.remaining.total_seconds(), 0.0)
    return {
        "id": clock.pk,
        "metric": clock.metric,
        "cycle": clock.cycle,
        "state": clock.state,
        "policy": promise.policy,
        "policy_version": clock.version_id,
        "calendar": promise.document.calendar.name,
        "time_zone": promise.document.calendar.time_zone,
        "started_at": clock.started_at,
        "stopped_at": clock.stopped_at,
        "due_at": clock.due_at,
        "target": reading.amounts["target"],
        "target_seconds": clock.target.total_seconds(),
        "elapsed_seconds": reading.elapsed.total_seconds(),
        "remaining_seconds": reading.remaining.total_seconds(),
        "percent_used": reading.percent,
        "breached": reading.breached,
        "breached_by_seconds": overdue,
        "level": clock.level,
        "acknowledged_until": clock.acknowledged_until,
        "acknowledged_by": clock.acknowledged_by,
        "next_escalation": _next_level(reading),
        "explanation": [
            {
                "start": line.start,
                "end": line.end,
                "counted_seconds": line.counted.total_seconds(),
                "why": line.why,
                "text": line.text,
            }
            for line in reading.explanation
        ],
        "ledger": [
            {"kind": e.kind, "at": e.at, "actor": e.actor, "details": e.details}
            for e in reading.ledger
        ],
        "escalations": [
            {
                "id": e.pk,
                "level": e.level,
                "threshold": e.threshold,
                "breach": e.breach,
                "skipped": e.skipped,
                "due_at": e.due_at,
                "detected_at": e.detected_at,
                "lateness_seconds": e.lateness.total_seconds(),
                "actions": e.actions,
                "acknowledged_at": e.acknowledged_at,
                "acknowledged_by": e.acknowledged_by,
            }
            for e in reading.escalations
        ],
    }


def _next_level(reading: ClockReading) -> dict[str, Any] | None:
    above = clockwork.levels_above(reading.clock, reading.promise)
    if not (reading.running and above) or reading.clock.next_check_at is None:
        return None  # nothing is left, or it follows another ticket
    number, level = above[0]
    at = clockwork.reached_at(reading.clock, reading.promise, level)
    if reading.clock.acknowledged_until is not None:
        at = max(at, reading.clock.acknowledged_until)
    return {"level": number, "threshold": level.threshold, "at": at}
