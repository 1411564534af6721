"""What a ticket has to do with others: it is merged into one, or attached to one that goes on for many."""

from collections.abc import Sequence
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tickets import services
from tickets.models import Ticket
from tickets.pagination import HistoryCursor
from tickets.serializers import (
    AttachAllSerializer,
    AttachSerializer,
    ChildSerializer,
    DetachSerializer,
    MergeSerializer,
    TicketSerializer,
    show,
)


class FamilyActions(viewsets.GenericViewSet[Ticket]):
    @extend_schema(request=MergeSerializer, responses=TicketSerializer)
    @action(detail=True, methods=["POST"], url_path="merge", filterset_class=None)
    def merge(self, request: Request, pk: str) -> Response:
        """Let another ticket go on for this one, and answer with that. The same call again changes nothing.

        Comments move there; this ticket points there (`merged_into`) and is cancelled, unless it had ended.
        """
        ticket = self.get_object()
        wish = self._checked(MergeSerializer)
        self._must_see("into", [wish["into"]])
        _, target = services.merge_tickets(
            source=ticket.pk, **wish, actor=request.user.get_username(), now=timezone.now()
        )
        return self._one(target)

    @extend_schema(request=AttachSerializer, responses=TicketSerializer)
    @action(detail=True, methods=["POST"], url_path="attach", filterset_class=None)
    def attach(self, request: Request, pk: str) -> Response:
        """Let this ticket follow another one, its parent, which is worked on for both.

        Its clocks go on counting, but warn and escalate no more: the parent's do. Resolving that resolves this.
        """
        ticket = self.get_object()
        wish = self._checked(AttachSerializer)
        self._must_see("to", [wish["to"]])
        services.attach_tickets(
            ids=[ticket.pk], **wish, actor=request.user.get_username(), now=timezone.now()
        )
        return self._changed(ticket)

    @extend_schema(request=DetachSerializer, responses=TicketSerializer)
    @action(detail=True, methods=["POST"], url_path="detach", filterset_class=None)
    def detach(self, request: Request, pk: str) -> Response:
        """Let this ticket go on by itself, as if it had never been attached."""
        ticket = self.get_object()
        wish = self._checked(DetachSerializer)
        services.detach_tickets(
            ids=[ticket.pk], **wish, actor=request.user.get_username(), now=timezone.now()
        )
        return self._changed(ticket)

    @extend_schema(responses=ChildSerializer(many=True))
    @action(detail=True, url_path="children", pagination_class=HistoryCursor, filterset_class=None)
    def children(self, request: Request, pk: str) -> Response:
        """The tickets attached to this one, and what resolving it would do to each."""
        return self._page(self.get_queryset().filter(parent=self.get_object()), ChildSerializer)

    @extend_schema(request=AttachAllSerializer, responses=TicketSerializer)
    @children.mapping.post
    def attach_all(self, request: Request, pk: str) -> Response:
        """Attach tickets to this one: all of them or, if one may not be attached, none. Answers with this one."""
        ticket = self.get_object()
        wish = self._checked(AttachAllSerializer)
        self._must_see("ids", wish["ids"])
        services.attach_tickets(
            **wish, to=ticket.pk, actor=request.user.get_username(), now=timezone.now()
        )
        return self._changed(ticket)

    def _checked(self, serializer: Any) -> Any:
        wish = serializer(data=self.request.data)
        wish.is_valid(raise_exception=True)
        return wish.validated_data

    def _must_see(self, field: str, ids: Sequence[int]) -> None:
        seen = set(self.get_queryset().filter(pk__in=ids).values_list("pk", flat=True))
        if missing := [pk for pk in ids if pk not in seen]:
            raise exceptions.ValidationError({field: [f"There is no ticket {missing[0]}."]})

    def _page(self, rows: Any, serializer: Any) -> Response:
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(page, many=True).data)

    def _changed(self, ticket: Ticket) -> Response:
        """The ticket as it is after a change, also when that took it out of the asker's sight."""
        return self._one(get_object_or_404(Ticket.objects.with_names(), pk=ticket.pk))

    def _one(self, ticket: Ticket, status: int = 200) -> Response:
        return Response(show(ticket), status=status, headers={"ETag": f'"{ticket.version}"'})
