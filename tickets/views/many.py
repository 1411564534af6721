"""`tickets/facets/`, `tickets/bulk/`, `tickets/presence/`: what people at a list of tickets need."""

from collections import Counter
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tickets import facets, presence, services
from tickets.many import (
    MOST_LOOKED_AT,
    BulkResultSerializer,
    BulkSerializer,
    FacetsSerializer,
    HereSerializer,
    OthersSerializer,
    PresentSerializer,
    ticket_ids,
)
from tickets.models import EventKind, Ticket
from tickets.services.bulk import Done, Outcomes
from tickets.services.changing import TicketMerged
from tickets.services.idempotency import Answer
from tickets.services.recording import TicketGone
from tickets.views.repeating import IDEMPOTENCY_KEY, done_once
from workers.errors import PermanentError


class WorkspaceActions(viewsets.GenericViewSet[Ticket]):
    @extend_schema(
        responses=FacetsSerializer,
        parameters=[
            OpenApiParameter("ordering", str, description="Count those that this order shows")
        ],
    )
    @action(detail=False, url_path="facets", pagination_class=None)
    def facets(self, request: Request) -> Response:
        """How many tickets each value of each filter would show; takes the filters of `tickets/`.

        Exact below ten thousand; beyond, the newest ten thousand are counted and `exact` is false.
        """
        visible = Ticket.objects.visible_to(request.user)
        found = facets.facets(request.query_params, tickets=visible, request=request)
        if isinstance(found, dict):
            raise exceptions.ValidationError(found)
        return Response(FacetsSerializer(found).data)

    @extend_schema(
        request=BulkSerializer,
        responses={207: BulkResultSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(
        detail=False,
        methods=["POST"],
        url_path="bulk",
        pagination_class=None,
        filterset_class=None,
    )
    def bulk(self, request: Request) -> Response:
        """Do the same to up to 500 tickets. Each is changed, was so already, or is refused with the reason.

        A name that does not exist is an error of the whole: then nothing is changed.
        """
        form = BulkSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wish = form.validated_data
        if wish["action"] == "comment" and not request.user.has_perm("tickets.add_comment"):
            raise exceptions.PermissionDenied
        return done_once(request, request.data, lambda: self._bulk(request, wish))

    def _bulk(self, request: Request, wish: dict[str, Any]) -> Answer:
        visible = Ticket.objects.visible_to(request.user)
        seen = set(visible.filter(pk__in=wish["ids"]).values_list("pk", flat=True))
        ids = [pk for pk in wish["ids"] if pk in seen]
        outcomes = _do(wish, ids, request.user.get_username())
        lines = [_line(pk, outcomes) for pk in wish["ids"]]
        told = Counter(line["status"] for line in lines)
        counts = {name: told[name.upper()] for name in ("changed", "unchanged", "refused")}
        return Answer(207, {**counts, "results": lines})

    @extend_schema(request=HereSerializer, responses=OthersSerializer)
    @action(detail=True, methods=["POST"], url_path="presence", filterset_class=None)
    def presence(self, request: Request, pk: str) -> Response:
        """Say that one looks at the ticket, every ten seconds, and hear who else does."""
        ticket = self.get_object()
        me: Any = request.user
        form = HereSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        others = presence.announce(
            ticket.pk,
            username=me.get_username(),
            name=me.get_full_name() or me.get_username(),
            **form.validated_data,
        )
        return Response(OthersSerializer({"others": others, "version": ticket.version}).data)

    @extend_schema(
        responses=PresentSerializer,
        parameters=[
            OpenApiParameter(
                "ids", str, required=True, description=f"Up to {MOST_LOOKED_AT}, with commas"
            )
        ],
    )
    @action(detail=False, url_path="presence", pagination_class=None, filterset_class=None)
    def present(self, request: Request) -> Response:
        """Who else looks at these tickets now."""
        ids = _ids(request)
        visible = Ticket.objects.visible_to(request.user).filter(pk__in=ids)
        seen = visible.values_list("pk", flat=True)
        found = presence.present(seen, besides=request.user.get_username())
        return Response(PresentSerializer({"tickets": found}).data)


def _ids(request: Request) -> list[int]:
    words = [word.strip() for word in request.query_params.get("ids", "").split(",")]
    numbers = ticket_ids(words)
    if len(numbers) != len(words) or len(numbers) > MOST_LOOKED_AT:
        raise exceptions.ValidationError(
            {"ids": [f"Give numbers of tickets, at most {MOST_LOOKED_AT}, with commas between."]}
        )
    return numbers


def _do(wish: dict[str, Any], ids: list[int], actor: str) -> Outcomes:
    """What `wish` asks for, to the tickets that the asker sees."""
    who: dict[str, Any] = {"ids": ids, "actor": actor, "now": timezone.now()}
    match wish["action"]:
        case "move":
            return services.move_each(**who, status=wish["status"], reason=wish["reason"])
        case "tag":
            return services.tag_each(**who, add=wish["tags"])
        case "untag":
            return services.tag_each(**who, remove=wish["tags"])
        case "comment":
            return services.comment_on_each(**who, body=wish["body"], public=wish["public"])
        case "assign":
            name = wish["assignee"]
            values = {"assignee": actor if (name or "").lower() == "me" else name}
            return services.change_each(**who, values=values)
        case "priority":
            return services.change_each(**who, values={"priority": wish["priority"]})
        case _:
            values = {"department": wish["department"], "confidence": 1.0}
            if wish["group"] is not None:
                values["group"] = wish["group"]
            return services.change_each(
                **who, values=values, reason=wish["reason"], kind=EventKind.ROUTED
            )


def _line(pk: int, outcomes: Outcomes) -> dict[str, Any]:
    """One line of the answer."""
    outcome = outcomes.get(pk) or TicketGone(f"There is no ticket {pk}.")
    if isinstance(outcome, Done):
        status = "CHANGED" if outcome.changed else "UNCHANGED"
        return {"ticket_id": pk, "status": status, "version": outcome.ticket.version}
    error = {"code": _code(outcome), "status": 409, "message": str(outcome), "errors": {}}
    if isinstance(outcome, TicketGone):
        error["status"] = 404
    return {"ticket_id": pk, "status": "REFUSED", "error": error}


def _code(error: PermanentError) -> str:
    """A word for programs."""
    if isinstance(error, TicketGone):
        return "not_found"
    return "merged" if isinstance(error, TicketMerged) else "refused"
