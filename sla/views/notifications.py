"""`channels/`, `channel-routes/` and `notifications/`: who is told, and what became of it."""

from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sla.models import Channel, ChannelRoute, MessageKind, Notification, NotificationState
from sla.serializers.notifications import (
    ChannelRouteSerializer,
    ChannelSerializer,
    NewChannelSerializer,
    NotificationDetailSerializer,
    NotificationSerializer,
    SecretSerializer,
)
from sla.services import channels
from tickets.pagination import HistoryCursor, NewestCursor
from tickets.querysets import hidden_department_ids
from workers.errors import PermanentError

VERBS = ["get", "post", "patch", "delete", "head", "options"]


class ChannelViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Channel],
):
    """Ways out: Slack, webhooks (callbacks among them), mail. Addresses and secrets are never shown."""

    queryset = Channel.objects.order_by("id")
    serializer_class = ChannelSerializer
    pagination_class = HistoryCursor
    filterset_class: Any = None
    lookup_value_regex = r"\d{1,18}"
    http_method_names = VERBS
    permissions = {
        "GET": "sla.view_channel",
        "POST": "sla.add_channel",
        "PATCH": "sla.change_channel",
        "DELETE": "sla.delete_channel",
        "rotate": "sla.change_channel",
        "test": "sla.change_channel",
    }

    @extend_schema(request=ChannelSerializer, responses={201: NewChannelSerializer})
    def create(self, request: Request) -> Response:
        """Make a channel. The answer to a webhook holds its secret, this once."""
        form = ChannelSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        channel, secret = channels.create_channel(values=form.validated_data)
        return Response(NewChannelSerializer(channel, context={"secret": secret}).data, status=201)

    @extend_schema(request=ChannelSerializer, responses=ChannelSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a channel. Its kind stays. `enabled: true` switches one on again that was switched off."""
        channel = self.get_object()
        form = ChannelSerializer(channel, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        channel = channels.change_channel(channel=channel, values=form.validated_data)
        return Response(ChannelSerializer(channel).data)

    def perform_destroy(self, instance: Channel) -> None:
        channels.delete_channel(channel=instance)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["POST"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Give a webhook a new secret. For a day messages carry the signatures of both."""
        channel = self.get_object()
        secret = channels.rotate_secret(channel=channel, now=timezone.now())
        return Response(
            SecretSerializer(
                {"secret": secret, "previous_secret_until": channel.previous_secret_until}
            ).data
        )

    @extend_schema(request=None, responses={202: NotificationSerializer})
    @action(detail=True, methods=["POST"])
    def test(self, request: Request, pk: str) -> Response:
        """Queue a test message."""
        notification = channels.send_test(
            channel=self.get_object(), actor=request.user.get_username(), now=timezone.now()
        )
        return Response(NotificationSerializer(notification).data, status=202)


class ChannelRouteViewSet(
    mixins.CreateModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[ChannelRoute],
):
    """Which alerts a channel gets."""

    queryset = ChannelRoute.objects.none()
    serializer_class = ChannelRouteSerializer
    pagination_class = HistoryCursor
    filterset_class: Any = None
    lookup_value_regex = r"\d{1,18}"
    http_method_names = VERBS
    permissions = {
        "GET": "sla.view_channelroute",
        "POST": "sla.add_channelroute",
        "PATCH": "sla.change_channelroute",
        "DELETE": "sla.delete_channelroute",
    }

    def get_queryset(self) -> Any:
        hidden = hidden_department_ids(self.request.user)
        return (
            ChannelRoute.objects.exclude(department__in=hidden)
            .exclude(group__department__in=hidden)
            .select_related("channel", "department", "group")
            .order_by("id")
        )

    @extend_schema(request=ChannelRouteSerializer, responses=ChannelRouteSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a route."""
        form = self.get_serializer(self.get_object(), data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        form.save()
        return Response(form.data)


class NotificationFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=NotificationState.choices)
    kind = filters.ChoiceFilter(choices=MessageKind.choices)
    channel = filters.CharFilter(field_name="channel__name", lookup_expr="iexact", label="Name")
    ticket = filters.NumberFilter(field_name="ticket_id", max_value=2**63 - 1)

    class Meta:
        model = Notification
        fields: list[str] = []


class NotificationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Notification]
):
    """Messages, newest first, with every attempt to deliver them."""

    queryset = Notification.objects.none()
    serializer_class = NotificationSerializer
    pagination_class = NewestCursor
    filterset_class = NotificationFilter
    lookup_value_regex = r"\d{1,18}"
    permissions = {"GET": "sla.view_notification", "resend": "sla.change_notification"}

    def get_queryset(self) -> Any:
        rows = Notification.objects.select_related("channel")
        hidden = hidden_department_ids(self.request.user)
        if hidden:
            rows = rows.filter(
                Q(ticket__isnull=True)
                | Q(ticket__department__isnull=True)
                | ~Q(ticket__department__in=hidden)
            )
        return rows.prefetch_related("deliveries") if self.action == "retrieve" else rows

    def get_serializer_class(self) -> Any:
        if self.action == "retrieve":
            return NotificationDetailSerializer
        return NotificationSerializer

    @extend_schema(request=None, responses={202: NotificationSerializer})
    @action(detail=True, methods=["POST"], filterset_class=None)
    def resend(self, request: Request, pk: str) -> Response:
        """Send a message again that was sent or is dead: the same content under the same id."""
        notification = self.get_object()
        if not channels.resend(ids=[notification.pk]):
            raise PermanentError("It waits to be sent already.")
        notification.refresh_from_db()
        return Response(NotificationSerializer(notification).data, status=202)
