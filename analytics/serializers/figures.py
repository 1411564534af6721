"""How the figures look in the OpenAPI document."""

from typing import Any

from rest_framework import serializers

_Rate = serializers.FloatField


class FreshSerializer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField(
        allow_null=True, help_text="All that was committed before is counted; null: never yet"
    )
    age_seconds = serializers.FloatField(allow_null=True)


class SpanSerializer(serializers.Serializer[Any]):
    to = serializers.DateTimeField()

    def get_fields(self) -> Any:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


class PeriodSerializer(SpanSerializer):
    days = serializers.IntegerField()
    tz = serializers.CharField()
    previous = SpanSerializer()


class ComparedSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    previous = serializers.FloatField(allow_null=True)
    change = serializers.FloatField(allow_null=True, help_text="Percent")


def _counts() -> serializers.DictField:
    return serializers.DictField(child=serializers.IntegerField())


class PropertiesSerializer(serializers.Serializer[Any]):
    by_classification = _counts()
    by_category = _counts()
    by_priority = _counts()
    by_department = _counts()
    by_group = _counts()
    by_agent = _counts()
    by_status = _counts()
    by_tier = _counts()


class FlowsSerializer(serializers.Serializer[Any]):
    created = ComparedSerializer()
    resolved = ComparedSerializer()
    cancelled = ComparedSerializer()
    reopened = ComparedSerializer()
    breached = ComparedSerializer()


class StandingFlowsSerializer(FlowsSerializer):
    backlog = ComparedSerializer(help_text="Now, and when the period began")


class SummaryPartSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    total_tickets = serializers.IntegerField()
    open_tickets = serializers.IntegerField()
    flows = StandingFlowsSerializer()


class TicketSummarySerializer(PropertiesSerializer, FreshSerializer):
    total_tickets = serializers.IntegerField()
    open_tickets = serializers.IntegerField()
    average_confidence = _Rate(allow_null=True, help_text="Percent")
    open = PropertiesSerializer(help_text="The same of tickets that have not ended")
    period = PeriodSerializer()
    flows = StandingFlowsSerializer()
    by = serializers.CharField(required=False)
    breakdown = SummaryPartSerializer(many=True, required=False)


class DashboardSummarySerializer(FreshSerializer):
    total_tickets = serializers.IntegerField()
    by_department = _counts()
    by_status = serializers.DictField(
        child=serializers.IntegerField(), help_text="`pending` is the same as `open`"
    )
    average_confidence = _Rate(allow_null=True, help_text="Percent")
    recent_tickets_24h = serializers.IntegerField()
    open_tickets = serializers.IntegerField()
    open_by_priority = _counts()


class DashboardRoutingSerializer(FreshSerializer):
    total_routings = serializers.IntegerField()
    department_distribution = _counts()
    department_percentages = serializers.DictField(child=serializers.FloatField())
    average_confidence_by_department = serializers.DictField(
        child=serializers.FloatField(allow_null=True)
    )
    overall_average_confidence = _Rate(allow_null=True, help_text="Percent")
    not_routed = serializers.IntegerField()
    period = PeriodSerializer()
    created_by_department = serializers.DictField(child=ComparedSerializer())


class TimesSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    median = serializers.FloatField(allow_null=True, help_text="Seconds")
    p90 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)


class TwoTimesSerializer(serializers.Serializer[Any]):
    wall = TimesSerializer()
    business = TimesSerializer(help_text="As the SLA clocks counted")


class KeptSerializer(serializers.Serializer[Any]):
    met = serializers.IntegerField()
    breached = serializers.IntegerField()
    attainment = _Rate(allow_null=True, help_text="Percent")


class KeptByMetricSerializer(serializers.Serializer[Any]):
    first_response = KeptSerializer()
    next_update = KeptSerializer()
    resolution = KeptSerializer()
    total = KeptSerializer()


class FiguresSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField()
    resolved = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    reopened = serializers.IntegerField()
    breached = serializers.IntegerField()
    sla = KeptByMetricSerializer()
    resolution_rate = _Rate(allow_null=True, help_text="Percent")
    reopen_rate = _Rate(allow_null=True, help_text="Percent")
    override_rate = _Rate(allow_null=True, help_text="Percent")
    corrected = serializers.IntegerField()
    agreed = serializers.IntegerField()
    average_confidence = _Rate(allow_null=True, help_text="Percent")
    triage_latency = TimesSerializer()
    first_response = TwoTimesSerializer()
    resolution = TwoTimesSerializer()


class FiguresPartSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    current = FiguresSerializer()
    previous = FiguresSerializer()


class PerformanceSerializer(FreshSerializer):
    total_tickets = serializers.IntegerField(help_text="All there are, whatever the period")
    resolved_tickets = serializers.IntegerField(help_text="Those of them that are resolved now")
    resolution_rate = _Rate(allow_null=True, help_text="Their share in percent")
    average_categorization_confidence = _Rate(allow_null=True, help_text="Percent")
    period = PeriodSerializer()
    current = FiguresSerializer()
    previous = FiguresSerializer()
    by = serializers.CharField(required=False)
    breakdown = FiguresPartSerializer(many=True, required=False)


class CreatedSerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    count = serializers.IntegerField()


class DaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    created = serializers.IntegerField()
    resolved = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    reopened = serializers.IntegerField()
    breached = serializers.IntegerField()
    backlog = serializers.IntegerField(help_text="Not ended when the day did")


class TrendPartSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    daily = DaySerializer(many=True)
    totals = FlowsSerializer()


class TrendsSerializer(FreshSerializer):
    days = serializers.IntegerField()
    daily_ticket_creation = CreatedSerializer(many=True)
    period = PeriodSerializer()
    daily = DaySerializer(many=True)
    totals = FlowsSerializer()
    by = serializers.CharField(required=False)
    breakdown = TrendPartSerializer(many=True, required=False)


class OpenedSerializer(FreshSerializer):
    period = serializers.CharField()
    total_tickets = serializers.IntegerField()
    by_status = _counts()
    by_priority = _counts()
    by_department = _counts()
    by_classification = _counts()


class DepartmentFiguresSerializer(FreshSerializer):
    department = serializers.CharField()
    total_tickets = serializers.IntegerField()
    open_tickets = serializers.IntegerField()
    resolved_tickets = serializers.IntegerField()
    resolution_rate = _Rate(allow_null=True, help_text="Percent")
    average_confidence = _Rate(allow_null=True, help_text="Percent")
    by_status = _counts()
    by_priority = _counts()
    by_classification = _counts()
    period = PeriodSerializer()
    current = FiguresSerializer()
    previous = FiguresSerializer()
