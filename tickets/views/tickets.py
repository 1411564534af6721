"""`tickets/`: intake, list, one ticket, its moves, comments and history."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tickets import intake, services
from tickets.filters import TicketFilter
from tickets.models import Comment, Ticket, TicketEvent
from tickets.pagination import HistoryCursor, TicketCursor
from tickets.querysets import hidden_department_ids
from tickets.schema import (
    BatchResultSerializer,
    DeletedSerializer,
    TicketInSchema,
    TicketPatchSchema,
)
from tickets.serializers import (
    CommentSerializer,
    EventSerializer,
    MoveSerializer,
    TicketSerializer,
    show,
)
from tickets.services.idempotency import Answer
from tickets.services.opening import Outcome, Result
from tickets.views.families import FamilyActions
from tickets.views.many import WorkspaceActions
from tickets.views.repeating import IDEMPOTENCY_KEY, done_once

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag you read: refuses the change if the ticket changed.",
)


class TicketViewSet(
    FamilyActions, WorkspaceActions, mixins.ListModelMixin, mixins.RetrieveModelMixin
):
    queryset = Ticket.objects.none()
    serializer_class = TicketSerializer
    pagination_class = TicketCursor
    filterset_class = TicketFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {
        "GET": "tickets.view_ticket",
        "POST": "tickets.add_ticket",
        "PUT": "tickets.change_ticket",
        "PATCH": "tickets.change_ticket",
        "DELETE": "tickets.delete_ticket",
        "comments": "tickets.view_comment",
        "add_comment": "tickets.add_comment",
        "events": "tickets.view_ticketevent",
        **dict.fromkeys(("merge", "attach", "detach", "attach_all"), "tickets.change_ticket"),
        "bulk": "tickets.change_ticket",
        "presence": "tickets.view_ticket",
    }

    def get_queryset(self) -> Any:
        return Ticket.objects.visible_to(self.request.user).with_names()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tickets that the asker may see, newest first; with `q` the best matches first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([show(ticket) for ticket in page or ()])

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A ticket; its ETag guards a later change (If-Match)."""
        return self._one(self.get_object())

    @extend_schema(
        request=TicketInSchema,
        responses={201: TicketSerializer, 200: TicketSerializer, 207: BatchResultSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Record a ticket: 201, or 200 when its external id is known. A list answers 207 with a result per item.

        Fields of a single ticket may also be query parameters.
        """
        data = request.data or {key: request.query_params[key] for key in request.query_params}
        if isinstance(data, list):
            return self._answer(request, data, self._open_batch)
        return self._answer(request, data, self._open_one)

    @extend_schema(
        request=TicketInSchema(many=True),
        responses={207: BatchResultSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(
        detail=False,
        methods=["POST"],
        url_path="batch",
        pagination_class=None,
        filterset_class=None,
    )
    def batch(self, request: Request) -> Response:
        """Record up to 5,000 tickets. Each item succeeds or fails alone."""
        if not isinstance(request.data, list):
            raise exceptions.ValidationError({"non_field_errors": ["Send a JSON list of tickets."]})
        return self._answer(request, request.data, self._open_batch)

    @extend_schema(request=TicketPatchSchema, responses=TicketSerializer, parameters=[IF_MATCH])
    def update(self, request: Request, pk: str) -> Response:
        """Change the fields that are given; PUT and PATCH do the same."""
        ticket = self.get_object()
        patch = intake.parse(intake.TicketPatch, request.data, now=timezone.now())
        if isinstance(patch, dict):
            raise exceptions.ValidationError(patch)
        values = patch.given()
        version = values.pop("version", None) or _if_match(request)
        services.change_tickets(
            ids=[ticket.pk],
            values=values,
            actor=request.user.get_username(),
            now=timezone.now(),
            version=version,
        )
        return self._changed(ticket)

    @extend_schema(request=TicketPatchSchema, responses=TicketSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the fields that are given; PUT and PATCH do the same."""
        return self.update(request, pk)

    @extend_schema(responses={200: DeletedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a ticket with its history."""
        ticket = self.get_object()
        services.delete_tickets(
            ids=[ticket.pk], actor=request.user.get_username(), now=timezone.now()
        )
        return Response({"message": f"Ticket {ticket.pk} deleted successfully"})

    @extend_schema(request=MoveSerializer, responses=TicketSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["PUT"], url_path="status", filterset_class=None)
    def status(self, request: Request, pk: str) -> Response:
        """Move the ticket along its lifecycle. A move that is not allowed answers 409 and names those that are."""
        ticket = self.get_object()
        move = MoveSerializer(data=request.data)
        move.is_valid(raise_exception=True)
        services.move_tickets(
            ids=[ticket.pk],
            **move.validated_data,
            actor=request.user.get_username(),
            now=timezone.now(),
            version=_if_match(request),
        )
        return self._changed(ticket)

    @extend_schema(responses=CommentSerializer(many=True))
    @action(detail=True, url_path="comments", pagination_class=HistoryCursor, filterset_class=None)
    def comments(self, request: Request, pk: str) -> Response:
        """The ticket's comments, oldest first."""
        return self._page(Comment.objects.filter(ticket=self.get_object()), CommentSerializer)

    @extend_schema(
        request=CommentSerializer,
        responses={201: CommentSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @comments.mapping.post
    def add_comment(self, request: Request, pk: str) -> Response:
        """Add a comment: public, or internal with `"public": false`."""
        ticket = self.get_object()
        comment = CommentSerializer(data=request.data)
        comment.is_valid(raise_exception=True)

        def add() -> Answer:
            made = services.comment_on(
                ticket=ticket,
                **comment.validated_data,
                actor=request.user.get_username(),
                now=timezone.now(),
            )
            return Answer(201, CommentSerializer(made).data)

        return done_once(request, {"ticket": ticket.pk, "comment": request.data}, add)

    @extend_schema(responses=EventSerializer(many=True))
    @action(detail=True, url_path="events", pagination_class=HistoryCursor, filterset_class=None)
    def events(self, request: Request, pk: str) -> Response:
        """Everything that happened to the ticket and to those merged into it, oldest first."""
        ticket = self.get_object()
        visible = Ticket.objects.visible_to(request.user)
        return self._page(TicketEvent.objects.of(ticket, visible), EventSerializer)

    def _answer(self, request: Request, data: Any, work: Any) -> Response:
        answer = done_once(request, data, lambda: work(request, data))
        if isinstance(answer.data, dict) and "version" in answer.data:
            answer["ETag"] = f'"{answer.data["version"]}"'
        return answer

    def _open_one(self, request: Request, data: Any) -> Answer:
        [outcome] = self._open(request, [data])
        if outcome.ticket is None or outcome.result is Result.FAILED:
            raise exceptions.ValidationError(outcome.errors)
        status = 201 if outcome.result is Result.CREATED else 200
        return Answer(status, show(outcome.ticket))

    def _open_batch(self, request: Request, data: Sequence[Any]) -> Answer:
        most = settings.MAX_BATCH_ITEMS
        if len(data) > most:
            raise exceptions.ValidationError(
                {
                    "non_field_errors": [
                        f"{len(data):,} tickets are too many: send at most {most:,} at once."
                    ]
                }
            )
        outcomes = self._open(request, data)
        return Answer(
            207,
            {
                "results": [
                    _item(i, d, o) for i, (d, o) in enumerate(zip(data, outcomes, strict=True))
                ]
            },
        )

    def _open(self, request: Request, data: Sequence[Any]) -> Sequence[Outcome]:
        now = timezone.now()
        parsed = [intake.parse(intake.TicketIn, item, now=now) for item in data]
        good = [item for item in parsed if isinstance(item, intake.TicketIn)]
        done = iter(
            services.open_tickets(
                items=good,
                actor=request.user.get_username(),
                now=now,
                hidden_departments=hidden_department_ids(request.user),
            )
        )
        return [
            Outcome(Result.FAILED, errors=item) if isinstance(item, dict) else next(done)
            for item in parsed
        ]


def _item(index: int, data: Any, outcome: Outcome) -> dict[str, Any]:
    """One line of a batch's answer."""
    ticket, sent = outcome.ticket, data if isinstance(data, dict) else {}
    line: dict[str, Any] = {
        "index": index,
        "status": outcome.result.upper(),
        "ticket_id": ticket.pk if ticket else None,
        "external_id": ticket.external_id if ticket else sent.get("external_id", sent.get("id")),
        "owner_id": ticket.owner_id if ticket else sent.get("owner_id"),
    }
    if outcome.result is Result.FAILED:
        message = "; ".join(f"{name}: {' '.join(why)}" for name, why in outcome.errors.items())
        line["error"] = {
            "code": "invalid",
            "status": 400,
            "message": message,
            "errors": outcome.errors,
        }
    return line


def _if_match(request: Request) -> int | None:
    """The version in the If-Match header; None without one or for `*`."""
    tag = request.headers.get("If-Match", "").removeprefix("W/").strip('" ')
    if tag in ("", "*"):
        return None
    if not tag.isdecimal() or len(tag) > 9:
        raise exceptions.ValidationError(
            {"If-Match": ['Send the ETag that you read, such as "3".']}
        )
    return int(tag)
