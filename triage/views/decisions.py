"""`tickets/{id}/decisions/`, `tickets/analyze/` and `decisions/replay/`."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets.models import Ticket
from tickets.pagination import NewestCursor
from triage import services
from triage.models import TriageDecision
from triage.serializers.decisions import (
    ReplayAnswerSerializer,
    ReplayedSerializer,
    ReplaySerializer,
)
from triage.serializers.jobs import (
    AnalysisSerializer,
    AnalyzeSerializer,
    DecisionSerializer,
)

PRIORITY_WORDS = {1: "critical", 2: "high", 3: "medium", 4: "low"}


class DecisionsView(generics.ListAPIView[TriageDecision]):
    """What triage decided about a ticket and why, newest first."""

    queryset = TriageDecision.objects.none()
    serializer_class = DecisionSerializer
    pagination_class = NewestCursor
    filter_backends: list[Any] = []
    permissions = {"GET": "triage.view_triagedecision"}

    def get_queryset(self) -> Any:
        visible = Ticket.objects.visible_to(self.request.user)
        return TriageDecision.objects.filter(
            ticket=get_object_or_404(visible, pk=self.kwargs["ticket_id"])
        )


class AnalyzeView(APIView):
    permissions = {"POST": "triage.view_triagedecision"}

    @extend_schema(request=AnalyzeSerializer, responses=AnalysisSerializer)
    def post(self, request: Request) -> Response:
        """What triage would decide about a text. Writes nothing."""
        form = AnalyzeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        text = form.validated_data
        decision, milliseconds = services.analyze(
            title=text["title"],
            description=text["description"],
            source=text["source"],
            tier=text["customer_tier"],
            fixed={},
        )
        return Response(
            {
                "title": text["title"],
                "description": text["description"],
                "category": decision.category,
                "predicted_classification": decision.category,
                "impact": decision.impact,
                "urgency": decision.urgency,
                "priority": decision.priority,
                "predicted_priority": PRIORITY_WORDS[decision.priority],
                "department": decision.department,
                "group": decision.group,
                "confidence": round(decision.confidence, 4),
                "band": decision.band,
                "fields_explained": decision.fields,
                "alternatives": [
                    [label, round(share, 4)] for label, share in decision.alternatives
                ],
                "words": [[word, round(weight, 3)] for word, weight in decision.words],
                "rules": list(decision.rules),
                "model": decision.model,
                "milliseconds": round(milliseconds, 2),
            }
        )


class ReplayView(APIView):
    permissions = {"POST": "triage.view_triagedecision"}

    @extend_schema(request=ReplaySerializer, responses=ReplayAnswerSerializer)
    def post(self, request: Request) -> Response:
        """What would be decided now about tickets of the past, on any classifier or prompt. Writes nothing.

        With a prompt it waits for the language model.
        """
        form = ReplaySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = form.validated_data
        if wanted["prompt"] is not None and not request.user.has_perm("triage.add_prompt"):
            raise PermissionDenied("Only who may write prompts may ask the language model.")
        visible = Ticket.objects.visible_to(request.user)
        if "decision_id" in wanted:
            decision = get_object_or_404(
                TriageDecision.objects.visible_to(request.user), pk=wanted["decision_id"]
            )
            tickets = list(visible.filter(pk=decision.ticket_id))
            recorded = {decision.ticket_id: decision}
        else:
            tickets = _in_order(visible, wanted["ticket_ids"])
            recorded = TriageDecision.objects.newest_of_tickets(wanted["ticket_ids"])
        replays: Any = services.replay(
            tickets=tickets, recorded=recorded, model=wanted["model"], prompt=wanted["prompt"]
        )
        return Response({"results": ReplayedSerializer(replays, many=True).data})


def _in_order(visible: Any, ids: list[int]) -> list[Ticket]:
    found = visible.in_bulk(ids)
    if missing := [str(pk) for pk in ids if pk not in found]:
        raise ValidationError({"ticket_ids": [f"There is no ticket {', '.join(missing)}."]})
    return [found[pk] for pk in dict.fromkeys(ids)]
