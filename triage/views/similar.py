"""`tickets/{id}/similar/`."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets.models import Ticket
from triage.serializers.similar import SimilarListSerializer
from triage.similar import similar_to


class SimilarView(APIView):
    permissions = {"GET": "tickets.view_comment"}

    @extend_schema(responses=SimilarListSerializer)
    def get(self, request: Request, ticket_id: int) -> Response:
        """The five tickets of the last 90 days that are most like this one, and what solved them."""
        visible = Ticket.objects.visible_to(request.user)
        ticket = get_object_or_404(visible, pk=ticket_id)
        found = similar_to(ticket, among=visible, now=timezone.now())
        return Response(SimilarListSerializer({"results": found}).data)
