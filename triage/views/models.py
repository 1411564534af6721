"""`models/`, `training-runs/` and `field-policies/`: the classifiers, how they came about, how far they may go."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.pagination import NewestCursor
from triage import services
from triage.models import ClassifierModel, DriftDay, Field, FieldPolicy, TrainingRun
from triage.serializers.models import (
    DaysSerializer,
    DriftSerializer,
    FieldNameSerializer,
    FieldPolicySerializer,
    ModelDetailSerializer,
    ModelSerializer,
    ShadowSerializer,
    TrainingRunSerializer,
    VerdictSerializer,
)
from workers.leases import State

BARE: dict[str, Any] = {"filterset_class": None, "pagination_class": None}


class ModelFilter(filters.FilterSet):
    field = filters.ChoiceFilter(choices=Field.choices)
    champion = filters.BooleanFilter()
    challenger = filters.BooleanFilter()

    class Meta:
        model = ClassifierModel
        fields: list[str] = []


class ModelViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ClassifierModel]
):
    """The registry of classifiers."""

    queryset = ClassifierModel.objects.defer("data")
    pagination_class = NewestCursor
    filterset_class = ModelFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {
        "GET": "triage.view_classifiermodel",
        "POST": "triage.change_classifiermodel",
        "drift": "triage.view_driftday",
    }

    def get_serializer_class(self) -> Any:
        return ModelDetailSerializer if self.action == "retrieve" else ModelSerializer

    @extend_schema(request=FieldNameSerializer, responses={202: TrainingRunSerializer})
    @action(detail=False, methods=["POST"], **BARE)
    def train(self, request: Request) -> Response:
        """Train a field's classifier from the confirmed tickets. While one trains, that one is answered."""
        form = FieldNameSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        run = services.request_training(
            field=form.validated_data["field"], requested_by=request.user.get_username()
        )
        return Response(TrainingRunSerializer(run).data, status=202)

    @extend_schema(request=FieldNameSerializer, responses=VerdictSerializer)
    @action(detail=False, methods=["POST"], **BARE)
    def judge(self, request: Request) -> Response:
        """Compare challenger and champion on tickets confirmed later than either learnt from, and act on it."""
        form = FieldNameSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        field = form.validated_data["field"]
        told = services.judge(field=field, by=request.user.get_username(), now=timezone.now())
        if told is None:
            raise services.NotPossible(f"There is no challenger for {field}: train one.")
        return Response(told)

    @extend_schema(request=None, responses=ModelSerializer)
    @action(detail=True, methods=["POST"], **BARE)
    def use(self, request: Request, pk: str) -> Response:
        """Let this classifier decide from the next tickets on."""
        model = self.get_object()
        services.make_champion(
            model=model, by=request.user.get_username(), why="Chosen through the API."
        )
        return Response(ModelSerializer(self.get_object()).data)

    @extend_schema(request=None, responses=ModelSerializer)
    @action(detail=True, methods=["POST"], **BARE)
    def rollback(self, request: Request, pk: str) -> Response:
        """Take this classifier out of use and bring the one before it back, which is answered."""
        back = services.roll_back(model=self.get_object(), by=request.user.get_username())
        return Response(ModelSerializer(ClassifierModel.objects.get(pk=back.pk)).data)

    @extend_schema(responses=ShadowSerializer)
    @action(detail=True, methods=["GET"], **BARE)
    def shadow(self, request: Request, pk: str) -> Response:
        """What this challenger said of the tickets that the champion decided."""
        return Response(ShadowSerializer(services.summarize(self.get_object())).data)

    @extend_schema(parameters=[DaysSerializer], responses=DriftSerializer(many=True))
    @action(detail=False, methods=["GET"], **BARE)
    def drift(self, request: Request) -> Response:
        """Decisions of each day beside what the classifiers learnt from, newest day first."""
        form = DaysSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        since = timezone.now().date() - timedelta(days=form.validated_data["days"] - 1)
        rows = DriftDay.objects.filter(day__gte=since).order_by("-day", "field")
        if field := form.validated_data.get("field"):
            rows = rows.filter(field=field)
        return Response(DriftSerializer(rows, many=True).data)


class RunFilter(filters.FilterSet):
    field = filters.ChoiceFilter(choices=Field.choices)
    state = filters.ChoiceFilter(choices=State.choices)

    class Meta:
        model = TrainingRun
        fields: list[str] = []


class TrainingRunViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TrainingRun]
):
    """Trainings with their progress and what became of them."""

    queryset = TrainingRun.objects.all()
    serializer_class = TrainingRunSerializer
    pagination_class = NewestCursor
    filterset_class = RunFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "triage.view_trainingrun"}


class FieldPolicyViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[FieldPolicy]
):
    """How often a classifier must be right about a field before it acts alone."""

    queryset = FieldPolicy.objects.order_by("field")
    serializer_class = FieldPolicySerializer
    pagination_class = None
    filter_backends: list[Any] = []
    lookup_field = "field"
    lookup_value_regex = "|".join(Field.values)
    permissions = {"GET": "triage.view_fieldpolicy", "PATCH": "triage.change_fieldpolicy"}

    @extend_schema(request=FieldPolicySerializer, responses=FieldPolicySerializer)
    def partial_update(self, request: Request, field: str) -> Response:
        """Change what is given. The thresholds follow with the next tickets."""
        policy = self.get_object()
        form = FieldPolicySerializer(policy, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = services.change_policy(policy=policy, values=form.validated_data)
        return Response(FieldPolicySerializer(changed).data)
