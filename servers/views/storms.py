"""`storms/`: many incidents with one cause."""

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from servers.models import Storm, StormState
from servers.serializers.storms import StormSerializer
from servers.services.storms import dissolve_storm
from tickets.pagination import NewestCursor


class StormFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=StormState.choices)
    ticket = filters.NumberFilter(field_name="ticket_id", min_value=1, max_value=2**63 - 1)
    started_after = filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")

    class Meta:
        model = Storm
        fields: list[str] = []


class StormViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Storm]
):
    """What was found, why, and what it came to; the newest first."""

    queryset = Storm.objects.none()
    serializer_class = StormSerializer
    pagination_class = NewestCursor
    filterset_class = StormFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "servers.view_storm", "POST": "tickets.change_ticket"}

    def get_queryset(self) -> Any:
        return Storm.objects.visible_to(self.request.user)

    @extend_schema(request=None, responses=StormSerializer)
    @action(detail=True, methods=["POST"], filterset_class=None, pagination_class=None)
    def dissolve(self, request: Request, pk: str) -> Response:
        """Say that it was none: its ticket is cancelled, and those attached to it go on alone."""
        storm = self.get_object()
        dissolve_storm(storm=storm, actor=request.user.get_username(), now=timezone.now())
        return Response(StormSerializer(Storm.objects.get(pk=storm.pk)).data)
