"""`triage-jobs/` and `triage-batches/`."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.filters import WrongFilters
from tickets.models import Ticket
from tickets.pagination import Cursor, NewestCursor
from tickets.querysets import hidden_department_ids
from tickets.services.idempotency import Answer
from tickets.views.repeating import IDEMPOTENCY_KEY, done_once
from triage import services
from triage.models import TriageBatch, TriageDecision, TriageJob
from triage.serializers.jobs import (
    BatchAnswerSerializer,
    BatchJobSerializer,
    BatchSerializer,
    ChosenBatchSerializer,
    JobSerializer,
    NewBatchSerializer,
    NewJobSerializer,
    RetriedSerializer,
)
from workers.errors import PermanentError
from workers.leases import State

LARGEST = 2**63 - 1


class JobFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=State.choices)
    ticket = filters.NumberFilter(field_name="ticket_id", max_value=LARGEST)
    batch = filters.NumberFilter(field_name="batch_id", max_value=LARGEST)
    owner_id = filters.UUIDFilter(field_name="ticket__owner_id")

    class Meta:
        model = TriageJob
        fields: list[str] = []


class TriageJobViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TriageJob]
):
    """Triage's work on tickets, newest first, with the attempts that failed."""

    queryset = TriageJob.objects.none()
    serializer_class = JobSerializer
    pagination_class = NewestCursor
    filterset_class = JobFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "triage.view_triagejob", "POST": "triage.add_triagejob"}

    def get_queryset(self) -> Any:
        jobs = TriageJob.objects.visible_to(self.request.user)
        return jobs.prefetch_related("failed_attempts")

    @extend_schema(request=NewJobSerializer, responses={202: JobSerializer})
    def create(self, request: Request) -> Response:
        """Triage a ticket again. What people set on it stays."""
        form = NewJobSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        ticket = get_object_or_404(
            Ticket.objects.visible_to(request.user), pk=form.validated_data["ticket_id"]
        )
        return Response(JobSerializer(services.retriage_one(ticket=ticket)).data, status=202)

    @extend_schema(request=None, responses={202: JobSerializer})
    @action(detail=True, methods=["POST"], url_path="retry", filterset_class=None)
    def retry(self, request: Request, pk: str) -> Response:
        """Give a failed job all its attempts again. One that has not failed answers 409."""
        job: TriageJob = self.get_object()
        retried = services.retry_jobs(
            jobs=[job], actor=request.user.get_username(), now=timezone.now()
        )
        if not retried:
            raise PermanentError(f"Job {job.pk} is {job.state}: only a failed job can be retried.")
        return Response(JobSerializer(self.get_object()).data, status=202)

    @extend_schema(
        request=NewBatchSerializer,
        responses={202: BatchAnswerSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(
        detail=False,
        methods=["POST"],
        url_path="batch",
        filterset_class=None,
        pagination_class=None,
    )
    def batch(self, request: Request) -> Response:
        """Run jobs together: those of `ticket_ids` anew, or without it all that wait or have failed.

        `owner_id` keeps to the tickets of that owner.
        """
        form = NewBatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return done_once(request, request.data, lambda: self._gather(form.validated_data))

    def _gather(self, wanted: dict[str, Any]) -> Answer:
        user, owner = self.request.user, wanted.get("owner_id")
        visible = Ticket.objects.visible_to(user)
        if owner:
            visible = visible.filter(owner_id=owner)
        asked: dict[str, Any] = {"requested_by": user.get_username(), "owner_id": owner}
        if ids := wanted.get("ticket_ids"):
            named = visible.filter(pk__in=ids).values_list("pk", flat=True)
            return _queued(services.retriage(ids=list(named), **asked))
        return _queued(services.batch_jobs(visible=visible, **asked))


class BatchFilter(filters.FilterSet):
    owner_id = filters.UUIDFilter()
    requested_by = filters.CharFilter(label="Login name")

    class Meta:
        model = TriageBatch
        fields: list[str] = []


class BatchCursor(NewestCursor):
    """Every batch of a page has its jobs counted."""

    page_size = 20
    max_page_size = 100


class ByTicket(Cursor):
    """In the order in which a batch's jobs are written and indexed."""

    page_size = 100
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "ticket_id"


class TriageBatchViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TriageBatch]
):
    """Batches, how far they are and what came out of them."""

    queryset = TriageBatch.objects.order_by("-id")
    serializer_class = BatchSerializer
    pagination_class = BatchCursor
    filterset_class = BatchFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "triage.view_triagebatch", "POST": "triage.add_triagejob"}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(_shown(page))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """How far a batch is."""
        return Response(_shown([self.get_object()])[0])

    @extend_schema(
        request=ChosenBatchSerializer,
        responses={200: BatchAnswerSerializer, 202: BatchAnswerSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Triage again all tickets that `filters` choose, any number of them. What people set on them stays.

        `filters` are those of `GET tickets/`; without one, all tickets are chosen. With `dry_run` the answer says
        how many they are, and nothing happens.
        """
        form = ChosenBatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            return done_once(request, request.data, lambda: self._choose(form.validated_data))
        except WrongFilters as error:
            raise ValidationError({"filters": error.errors}) from None

    def _choose(self, wanted: dict[str, Any]) -> Answer:
        user = self.request.user
        chosen = {
            "filters": wanted["filters"],
            "hidden_departments": hidden_department_ids(user),
        }
        if wanted["dry_run"]:
            total = services.chosen_tickets(**chosen).count()
            return Answer(200, {"status": "DRY_RUN", "batch": None, "total_items": total})
        return _queued(services.retriage_chosen(**chosen, requested_by=user.get_username()))

    @extend_schema(responses=BatchJobSerializer(many=True))
    @action(detail=True, url_path="jobs", pagination_class=ByTicket, filterset_class=None)
    def jobs(self, request: Request, pk: str) -> Response:
        """The batch's jobs by ticket, each with what was decided and what that changed."""
        batch: TriageBatch = self.get_object()
        jobs: Any = TriageJob.objects.visible_to(request.user).filter(batch=batch)
        page: Any = self.paginate_queryset(jobs)
        decisions = TriageDecision.objects.newest_of_jobs(page)
        rows = BatchJobSerializer(page, many=True, context={"decisions": decisions})
        return self.get_paginated_response(rows.data)

    @extend_schema(request=None, responses={202: RetriedSerializer})
    @action(detail=True, methods=["POST"], url_path="retry", filterset_class=None)
    def retry(self, request: Request, pk: str) -> Response:
        """Give the batch's failed jobs all their attempts again. Answers 409 when nothing has failed."""
        batch: TriageBatch = self.get_object()
        count = services.retry_batch(
            batch=batch, actor=request.user.get_username(), now=timezone.now()
        )
        return Response({"retried": count}, status=202)


def _queued(batch: TriageBatch | None) -> Answer:
    if batch is None:
        return Answer(202, {"status": "EMPTY", "batch": None, "total_items": 0})
    total = batch.total_items
    queued = {"id": batch.pk, "total_items": total}
    return Answer(202, {"status": "QUEUED", "batch": queued, "total_items": total})


def _shown(batches: Any) -> Any:
    progress = TriageJob.objects.progress_of([batch.pk for batch in batches])
    context = {"progress": progress, "now": timezone.now()}
    return BatchSerializer(batches, many=True, context=context).data
