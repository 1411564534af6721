"""`triage-jobs/`, `triage-batches/`, `tickets/{id}/decisions/` and `tickets/analyze/`."""

from typing import Any

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets.models import Ticket
from tickets.pagination import NewestCursor
from tickets.querysets import hidden_department_ids
from triage import services
from triage.models import TriageBatch, TriageDecision, TriageJob
from triage.serializers import (
    AnalysisSerializer,
    AnalyzeSerializer,
    BatchAnswerSerializer,
    BatchSerializer,
    DecisionSerializer,
    JobSerializer,
    NewBatchSerializer,
    NewJobSerializer,
)
from workers.leases import State

PRIORITY_WORDS = {1: "critical", 2: "high", 3: "medium", 4: "low"}


class JobFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=State.choices)
    ticket = filters.NumberFilter(field_name="ticket_id", max_value=2**63 - 1)
    batch = filters.NumberFilter(field_name="batch_id", max_value=2**63 - 1)

    class Meta:
        model = TriageJob
        fields: list[str] = []


class TriageJobViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TriageJob]
):
    queryset = TriageJob.objects.none()
    serializer_class = JobSerializer
    pagination_class = NewestCursor
    filterset_class = JobFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "triage.view_triagejob", "POST": "triage.add_triagejob"}

    def get_queryset(self) -> Any:
        return visible_jobs(self.request).prefetch_related("failed_attempts")

    @extend_schema(request=NewJobSerializer, responses={202: JobSerializer})
    def create(self, request: Request) -> Response:
        """Triage a ticket again. What people set on it stays."""
        form = NewJobSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        ticket = get_object_or_404(
            Ticket.objects.visible_to(request.user), pk=form.validated_data["ticket_id"]
        )
        batch = services.retriage(ids=[ticket.pk], requested_by=request.user.get_username())
        job = TriageJob.objects.filter(batch=batch).first()
        if job is None:
            raise NotFound
        return Response(JobSerializer(job).data, status=202)

    @extend_schema(request=NewBatchSerializer, responses={202: BatchAnswerSerializer})
    @action(
        detail=False,
        methods=["POST"],
        url_path="batch",
        filterset_class=None,
        pagination_class=None,
    )
    def batch(self, request: Request) -> Response:
        """Run jobs together: those of `ticket_ids` anew, or without it all that wait or have failed."""
        form = NewBatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        visible, asker = Ticket.objects.visible_to(request.user), request.user.get_username()
        if wanted := form.validated_data.get("ticket_ids"):
            ids = list(visible.filter(pk__in=wanted).values_list("pk", flat=True))
            batch = services.retriage(ids=ids, requested_by=asker)
        else:
            batch = services.batch_jobs(requested_by=asker, visible=visible)
        if batch is None:
            return Response({"status": "EMPTY", "batch": None, "total_items": 0}, status=202)
        queued = {"id": batch.pk, "total_items": batch.total_items}
        return Response(
            {"status": "QUEUED", "batch": queued, "total_items": batch.total_items}, status=202
        )


class TriageBatchViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[TriageBatch]):
    """How far a batch is."""

    queryset = TriageBatch.objects.none()
    serializer_class = BatchSerializer
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "triage.view_triagebatch"}

    def get_queryset(self) -> Any:
        counts = {state.value: Count("jobs", filter=Q(jobs__state=state)) for state in State}
        return TriageBatch.objects.annotate(**counts)


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


def visible_jobs(request: Request) -> Any:
    """Jobs of tickets that the asker may see."""
    hidden = hidden_department_ids(request.user)
    return (
        TriageJob.objects.exclude(ticket__department__in=hidden)
        if hidden
        else TriageJob.objects.all()
    )
