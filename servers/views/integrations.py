"""`integrations/` and `intake/deliveries/`: who sends alerts, and what became of them."""

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from servers.keys import digest
from servers.models import Delivery, Integration
from servers.serializers.integrations import (
    AlertTrialRequestSerializer,
    AlertTrialSerializer,
    IntakeDeliveryDetailSerializer,
    IntakeDeliverySerializer,
    IntegrationSerializer,
    KeySerializer,
    NewIntegrationSerializer,
    RotateSerializer,
)
from servers.services import deliveries, integrations
from servers.services.removing import delete_integration
from servers.services.trying import try_body
from servers.sources.reading import Unreadable
from tickets.pagination import HistoryCursor, NewestCursor
from tickets.permissions import RolePermission
from workers.errors import PermanentError
from workers.leases import State


class IntegrationViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Integration],
):
    """Senders of alerts. Their keys are shown when they are made, and never again."""

    queryset = Integration.objects.select_related("department", "group", "owner").order_by("id")
    serializer_class = IntegrationSerializer
    pagination_class = HistoryCursor
    filterset_class: Any = None
    lookup_value_regex = r"\d{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permissions = {
        "GET": "servers.view_integration",
        "POST": "servers.add_integration",
        "PATCH": "servers.change_integration",
        "DELETE": "servers.delete_integration",
        "rotate": "servers.change_integration",
        "revoke": "servers.change_integration",
        "try_payload": "servers.change_integration",
    }

    @extend_schema(request=IntegrationSerializer, responses={201: NewIntegrationSerializer})
    def create(self, request: Request) -> Response:
        """Make an integration. The answer holds its key, this once."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made, key = integrations.create_integration(values=form.validated_data)
        return Response(NewIntegrationSerializer(made, context={"key": key}).data, status=201)

    @extend_schema(request=IntegrationSerializer, responses=IntegrationSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an integration. Its source stays. An empty template is that of the source."""
        integration = self.get_object()
        form = self.get_serializer(integration, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        integrations.change_integration(integration=integration, values=form.validated_data)
        return Response(self.get_serializer(integration).data)

    def perform_destroy(self, instance: Integration) -> None:
        actor = self.request.user.get_username()
        delete_integration(integration=instance, actor=actor, now=timezone.now())

    @extend_schema(request=RotateSerializer, responses=KeySerializer)
    @action(detail=True, methods=["POST"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Make a new key. For a day, or as long as you say, the old one is good too."""
        form = RotateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        integration = self.get_object()
        key = integrations.rotate_key(
            integration=integration,
            now=timezone.now(),
            keep_old=timedelta(hours=form.validated_data["keep_old_hours"]),
        )
        told = {
            "key": key,
            "address": settings.PUBLIC_URL + integrations.address_of(integration.source, key),
            "previous_key_until": integration.previous_key_until,
        }
        return Response(KeySerializer(told).data)

    @extend_schema(request=None, responses=IntegrationSerializer)
    @action(detail=True, methods=["POST"])
    def revoke(self, request: Request, pk: str) -> Response:
        """End all its keys within seconds. It stays, and may be given a new one."""
        integration = self.get_object()
        integrations.revoke_keys(integration=integration)
        return Response(self.get_serializer(integration).data)

    @extend_schema(request=AlertTrialRequestSerializer, responses=AlertTrialSerializer(many=True))
    @action(
        detail=True,
        methods=["POST"],
        url_path="try",
        url_name="try",
        pagination_class=None,
        filterset_class=None,
    )
    def try_payload(self, request: Request, pk: str) -> Response:
        """Say what a payload would become now: alerts, keys, words, priorities, tickets. Nothing is written."""
        form = AlertTrialRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        body = json.dumps(form.validated_data["payload"]).encode()
        try:
            trials = try_body(integration=self.get_object(), body=body, now=timezone.now())
        except Unreadable as error:
            raise serializers.ValidationError({"payload": [str(error)]}) from None
        return Response(AlertTrialSerializer(trials, many=True).data)


class DeliveryFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=State.choices)
    integration = filters.CharFilter(
        field_name="integration__name", lookup_expr="iexact", label="Name"
    )

    class Meta:
        model = Delivery
        fields: list[str] = []


class RoleOrKey(RolePermission):
    """A sender may ask with its key what became of what it sent."""

    def has_permission(self, request: Request, view: Any) -> bool:
        view.sender = None
        if view.action == "retrieve" and not request.user.is_authenticated:
            kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
            given = request.headers.get("X-Integration-Key") or (
                bearer.strip() if kind.lower() == "bearer" else ""
            )
            view.sender = integrations.find_by_key(digest(given), timezone.now())
        return view.sender is not None or super().has_permission(request, view)


class DeliveryViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delivery]
):
    """Bodies as they came, newest first, with what became of them.

    One of them is also shown to whoever has the key of its integration: `X-Integration-Key`, or
    `Authorization: Bearer`.
    """

    queryset = Delivery.objects.none()
    serializer_class = IntakeDeliverySerializer
    pagination_class = NewestCursor
    filterset_class = DeliveryFilter
    permission_classes = [RoleOrKey]
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "servers.view_delivery", "retry": "servers.change_delivery"}

    def get_queryset(self) -> Any:
        rows = Delivery.objects.select_related("integration")
        if self.action == "list":
            rows = rows.defer("body")
        sender = getattr(self, "sender", None)
        return rows.filter(integration=sender) if sender else rows

    def get_serializer_class(self) -> Any:
        return (
            IntakeDeliveryDetailSerializer
            if self.action == "retrieve"
            else IntakeDeliverySerializer
        )

    @extend_schema(request=None, responses={202: IntakeDeliverySerializer})
    @action(detail=True, methods=["POST"], filterset_class=None)
    def retry(self, request: Request, pk: str) -> Response:
        """Read a failed body again, as after a template was mended."""
        delivery = self.get_object()
        retried = deliveries.retry_deliveries(
            ids=[delivery.pk], actor=request.user.get_username(), now=timezone.now()
        )
        if not retried:
            raise PermanentError("It has not failed.")
        delivery.refresh_from_db()
        return Response(IntakeDeliverySerializer(delivery).data, status=202)
