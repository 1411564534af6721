"""`review/`: the queue of tickets that wait for a person's look, and what that person decides."""

from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from tickets.filters import NamesFilter
from tickets.models import Category, Department, Ticket
from tickets.pagination import Cursor
from triage import services
from triage.models.decisions import BANDS
from triage.reading import in_band, ranked, review_items, review_queue, waiting
from triage.serializers.reviews import (
    NextReviewSerializer,
    ReviewedSerializer,
    ReviewItemSerializer,
    ReviewSerializer,
    UndoSerializer,
    show_item,
)
from triage.services.reviewing import Reviewed


class ReviewCursor(Cursor):
    """Pages of the queue as it stood when the first one was asked for: deadlines near, and ranks with them."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = ("-rank", "-id")

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        page = super().paginate_queryset(queryset, request, view)
        as_of = getattr(view, "as_of", None)
        if as_of is not None and self.base_url:
            self.base_url = replace_query_param(self.base_url, "as_of", as_of.isoformat())
        return page


class ReviewFilter(filters.FilterSet):
    ticket = filters.NumberFilter(field_name="id", min_value=1, max_value=2**63 - 1)
    department = NamesFilter(model=Department, column="name")
    category = NamesFilter(model=Category, column="slug", label="Slugs")
    band = filters.ChoiceFilter(choices=BANDS, method="by_band")

    class Meta:
        model = Ticket
        fields: list[str] = []

    def by_band(self, queryset: Any, name: str, value: str) -> Any:
        return in_band(queryset, value)


class ReviewQueueView(generics.ListAPIView[Ticket]):
    queryset = Ticket.objects.none()
    serializer_class = ReviewItemSerializer
    pagination_class = ReviewCursor
    filterset_class = ReviewFilter
    permissions = {"GET": "triage.view_triagedecision"}
    as_of: datetime

    def get_queryset(self) -> Any:
        return review_queue(self.request.user, self.as_of)

    @extend_schema(
        parameters=[
            OpenApiParameter("as_of", str, description="The instant that ranks are computed for")
        ]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tickets that triage is unsure about, those first that need a person most.

        The order is uncertainty (1 − confidence) × nearness of the deadline (1-4) × weight of the priority (1-2).
        """
        self.as_of = _as_of(request)
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(
            [show_item(item, self.as_of) for item in review_items(page or ())]
        )


class NextReviewView(generics.GenericAPIView[Ticket]):
    queryset = Ticket.objects.none()
    pagination_class = None
    filterset_class = ReviewFilter
    permissions = {"GET": "triage.view_triagedecision"}

    @extend_schema(responses=NextReviewSerializer, filters=True)
    def get(self, request: Request) -> Response:
        """The ticket that needs a look most, and how many wait. Nothing is claimed: who decides first, decides."""
        now = timezone.now()
        queue = self.filter_queryset(review_queue(request.user, now))
        items = review_items(queue[:1])
        return Response(
            {"waiting": waiting(queue), "item": show_item(items[0], now) if items else None}
        )


class ReviewView(APIView):
    permissions = {"POST": "tickets.change_ticket"}

    @extend_schema(request=ReviewSerializer, responses=ReviewedSerializer)
    def post(self, request: Request, ticket_id: int) -> Response:
        """Accept what triage suggests, or decide otherwise. Both teach it; the answer's token takes it back.

        409: somebody decided the ticket meanwhile. 412: it changed since you read it.
        """
        ticket = get_object_or_404(Ticket.objects.visible_to(request.user), pk=ticket_id)
        form = ReviewSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = {k: v for k, v in form.validated_data.items() if k not in ("accept", "version")}
        [done] = services.review_tickets(
            ids=[ticket.pk],
            values=values,
            by=request.user.get_username(),
            now=timezone.now(),
            version=form.validated_data.get("version"),
        )
        return Response(_became(done))


class UndoReviewView(APIView):
    permissions = {"POST": "tickets.change_ticket"}

    @extend_schema(request=UndoSerializer, responses=ReviewItemSerializer)
    def post(self, request: Request) -> Response:
        """Take your review back, within 15 minutes. Answers the ticket, which waits again. 409 says why not."""
        form = UndoSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        now = timezone.now()
        ticket = services.undo_review(
            token=form.validated_data["undo_token"], by=request.user.get_username(), now=now
        )
        [item] = review_items(ranked(Ticket.objects.filter(pk=ticket.pk), now))
        return Response(show_item(item, now))


def _as_of(request: Request) -> datetime:
    text = request.query_params.get("as_of")
    if not text:
        return timezone.now()
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or timezone.is_naive(moment):
        raise ValidationError({"as_of": ["Send a time with its zone, such as the links hold."]})
    return moment


def _became(done: Reviewed) -> dict[str, Any]:
    ticket = done.ticket
    return {
        "ticket_id": ticket.pk,
        "result": "confirmed" if done.agreed else "changed",
        "changed": done.changed,
        "category": ticket.category.slug if ticket.category else None,
        "impact": ticket.impact,
        "urgency": ticket.urgency,
        "priority": ticket.priority,
        "department": ticket.department.name if ticket.department else None,
        "group": ticket.group.name if ticket.group else None,
        "version": ticket.version,
        "undo_token": done.token,
        "undo_until": done.undo_until,
    }
