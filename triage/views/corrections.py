"""`corrections/`: what people said about decisions of triage."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.pagination import NewestCursor
from tickets.services.recording import LOCKABLE
from triage.models import Correction
from triage.models.decisions import BANDS
from triage.serializers.reviews import CorrectionSerializer


class CorrectionFilter(filters.FilterSet):
    ticket = filters.NumberFilter(field_name="ticket_id", min_value=0, max_value=2**63 - 1)
    field = filters.ChoiceFilter(choices=[(name, name) for name in LOCKABLE])
    agreed = filters.BooleanFilter()
    by = filters.CharFilter(max_length=150, help_text="Login name")
    via = filters.ChoiceFilter(choices=[(via, via) for via in ("review", "ticket")])
    band = filters.ChoiceFilter(choices=BANDS)
    undone = filters.BooleanFilter(field_name="undone_at", lookup_expr="isnull", exclude=True)
    after = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    before = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = Correction
        fields: list[str] = []


class CorrectionsView(generics.ListAPIView[Correction]):
    queryset = Correction.objects.none()
    serializer_class = CorrectionSerializer
    pagination_class = NewestCursor
    filterset_class = CorrectionFilter
    permissions = {"GET": "triage.view_correction"}

    def get_queryset(self) -> Any:
        return Correction.objects.visible_to(self.request.user)

    @extend_schema(summary="What people corrected or confirmed")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first. Each is a label to learn from, unless it was undone."""
        return super().get(request, *args, **kwargs)
