"""`prompts/`, `ask-policies/` and `triage-jobs/{id}/logs/`."""

from typing import Any

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets.models import Ticket
from tickets.pagination import NewestCursor
from triage.logs import log_of
from triage.models import AskPolicy, Prompt, TriageJob
from triage.serializers.llm import (
    ActiveSerializer,
    AskPolicySerializer,
    LogLineSerializer,
    NewPromptSerializer,
    PromptSerializer,
    TrialSerializer,
    TrySerializer,
)
from triage.services import prompts


class PromptFilter(filters.FilterSet):
    class Meta:
        model = Prompt
        fields = ("name", "owner_id", "active", "is_default")


class PromptViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Prompt]
):
    """Versions of prompts, newest first. What a version says never changes."""

    queryset = Prompt.objects.all()
    serializer_class = PromptSerializer
    pagination_class = NewestCursor
    filterset_class = PromptFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {
        "GET": "triage.view_prompt",
        "POST": "triage.add_prompt",
        "PUT": "triage.change_prompt",
    }

    @extend_schema(request=NewPromptSerializer, responses={201: PromptSerializer})
    def create(self, request: Request) -> Response:
        """Write a new prompt, or the next version of the one with that name."""
        form = NewPromptSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        before = Prompt.objects.filter(name=given["name"]).order_by("-version").first()
        content = {name: given.pop(name, getattr(before, name, None)) for name in prompts.CONTENT}
        content["input_schema"] = content["input_schema"] or {}
        content["invariants"] = content["invariants"] or {}
        missing = [name for name, value in content.items() if value is None]
        if missing:
            raise ValidationError({name: ["A prompt of a new name needs it."] for name in missing})
        if before is not None:
            given.setdefault("owner_id", before.owner_id)
        try:
            prompt = prompts.new_version(content=content, by=request.user.get_username(), **given)
        except prompts.WrongPrompt as error:
            raise ValidationError(error.errors) from None
        return Response(PromptSerializer(prompt).data, status=201)

    @extend_schema(request=ActiveSerializer, responses=PromptSerializer)
    @action(detail=True, methods=["PUT"], filterset_class=None, pagination_class=None)
    def active(self, request: Request, pk: str) -> Response:
        """Ask with this version from now on, or no longer. 409: it is the default."""
        form = ActiveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        prompt = prompts.set_active(prompt=self.get_object(), **form.validated_data)
        return Response(PromptSerializer(prompt).data)

    @extend_schema(request=None, responses=PromptSerializer)
    @action(detail=True, methods=["PUT"], filterset_class=None, pagination_class=None)
    def default(self, request: Request, pk: str) -> Response:
        """Ask with this version where an owner has none of their own. 409: it is an owner's."""
        prompt = prompts.make_default(prompt=self.get_object())
        return Response(PromptSerializer(prompt).data)

    @extend_schema(request=TrySerializer, responses=TrialSerializer)
    @action(
        detail=True,
        methods=["POST"],
        url_path="try",
        filterset_class=None,
        pagination_class=None,
    )
    def dry_run(self, request: Request, pk: str) -> Response:
        """Ask about a ticket with this version, once, and write nothing. Waits for the model."""
        prompt = self.get_object()
        form = TrySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        visible = Ticket.objects.visible_to(request.user).with_names()
        ticket = visible.filter(pk=form.validated_data["ticket_id"]).first()
        if ticket is None:
            raise ValidationError({"ticket_id": ["There is no such ticket."]})
        trial = prompts.try_prompt(prompt=prompt, ticket=ticket)
        decision = trial.decision._asdict() if trial.decision else None
        return Response({**vars(trial), "decision": decision})


class AskPolicyViewSet(
    mixins.ListModelMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[AskPolicy],
):
    """When the language model is asked, by category."""

    queryset = AskPolicy.objects.select_related("category").order_by("pk")
    serializer_class = AskPolicySerializer
    pagination_class = None
    filter_backends: list[Any] = []
    lookup_value_regex = r"\d{1,18}"
    permissions = {
        "GET": "triage.view_askpolicy",
        "POST": "triage.add_askpolicy",
        "PUT": "triage.change_askpolicy",
        "DELETE": "triage.delete_askpolicy",
    }

    @extend_schema(request=AskPolicySerializer, responses=AskPolicySerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Ask about tickets of a category, or of all others, at other times than before."""
        form = self.get_serializer(self.get_object(), data=request.data)
        form.is_valid(raise_exception=True)
        form.save()
        return Response(form.data)


class JobLogsView(APIView):
    permissions = {"GET": "triage.view_triagejob"}

    @extend_schema(responses=LogLineSerializer(many=True))
    def get(self, request: Request, job_id: int) -> Response:
        """Every attempt of a job, triage's own and the language model's, oldest first."""
        job = get_object_or_404(TriageJob.objects.visible_to(request.user), pk=job_id)
        return Response(LogLineSerializer(log_of(job), many=True).data)
