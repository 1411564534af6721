"""`escalations/`: the levels that clocks reached; what the live feed tells, to be read at any time."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from sla.alerts import visible_escalations
from sla.models import Escalation
from sla.serializers.escalations import EscalationSerializer
from tickets.pagination import HistoryCursor

_MOST = 2**63 - 1


class EscalationCursor(HistoryCursor):
    """Newest first; with `after` in order of their ids, to go on from there."""

    ordering = "-id"

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("id",) if request.query_params.get("after") else ("-id",)


class EscalationFilter(filters.FilterSet):
    ticket = filters.NumberFilter(field_name="ticket_id", min_value=0, max_value=_MOST)
    breach = filters.BooleanFilter()
    level = filters.NumberFilter(min_value=0, max_value=32_767)
    skipped = filters.BooleanFilter(
        help_text="Found late with a higher level that alone was acted on"
    )
    after = filters.NumberFilter(
        field_name="id",
        lookup_expr="gt",
        min_value=0,
        max_value=_MOST,
        help_text="Later than this id, oldest first: how a reader of the live feed catches up",
    )

    class Meta:
        model = Escalation
        fields: list[str] = []


class EscalationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Escalation]
):
    """What happened because a deadline was near or missed."""

    queryset = Escalation.objects.none()
    serializer_class = EscalationSerializer
    pagination_class = EscalationCursor
    filterset_class = EscalationFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "sla.view_escalation"}

    def get_queryset(self) -> Any:
        return visible_escalations(self.request.user)

    @extend_schema(summary="Escalations of the tickets that you may see")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first; with `after` oldest first."""
        return super().list(request, *args, **kwargs)
