"""`servers/{name}/heartbeat/` for the servers themselves; their keys and `checks/` for people."""

from dataclasses import asdict
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from servers.models import Check, CheckKind, CheckResult, Heartbeat, Said, Server
from servers.models.watch import Outcome
from servers.serializers.watch import (
    BeatSerializer,
    CheckResultSerializer,
    CheckSerializer,
    HeartbeatSerializer,
    NewHeartbeatSerializer,
    TriedSerializer,
)
from servers.services import checking, checks, heartbeats
from tickets.pagination import HistoryCursor, NewestCursor
from workers.clock import agreed

MOST_BYTES: Final = 16 * 1024  # of a heartbeat
KEY: Final = OpenApiParameter(
    "key", str, description="The heartbeat's key, unless the Authorization header holds it"
)


class HeartbeatView(APIView):
    """A server says that it lives. Its key is all it needs: no login."""

    authentication_classes: Any = []
    permission_classes: Any = [AllowAny]
    parser_classes = [*APIView.parser_classes, FormParser]

    def get_authenticate_header(self, request: Request) -> str:
        return "Bearer"

    @extend_schema(parameters=[BeatSerializer, KEY], responses=BeatSerializer)
    def get(self, request: Request, name: str, key: str = "") -> Response:
        """Take a heartbeat. The same as POST, for programs that can only ask."""
        return self._take(request, request.query_params, name, key)

    @extend_schema(parameters=[KEY], request=BeatSerializer, responses=BeatSerializer)
    def post(self, request: Request, name: str, key: str = "") -> Response:
        """Take a heartbeat. Without a body it says ok; fail makes the server failed at once, start booting."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
            raise RequestDataTooBig
        return self._take(request, request.data, name, key)

    def _take(self, request: Request, given: Any, name: str, key: str) -> Response:
        form = BeatSerializer(data=given)
        form.is_valid(raise_exception=True)
        try:
            heartbeats.take_beat(
                name=name,
                key=key or _key_of(request),
                status=Said(form.validated_data["status"]),
                message=form.validated_data["message"],
                now=agreed(),
            )
        except heartbeats.NoSuchKey:
            raise AuthenticationFailed("This is not the key of a server of this name.") from None
        return Response(form.data, headers={"Cache-Control": "no-store"})


@extend_schema_view(
    get=extend_schema(operation_id="servers_heartbeat_by_address", parameters=[BeatSerializer]),
    post=extend_schema(operation_id="servers_heartbeat_create_by_address", parameters=[]),
)
class KeyedHeartbeatView(HeartbeatView):
    """The same with the key in the address, for cron jobs and curl. It never stands in our logs."""


def _key_of(request: Request) -> str:
    word, _, key = request.headers.get("Authorization", "").partition(" ")
    if word.lower() in ("bearer", "token"):
        return key.strip()
    return request.query_params.get("key", "")


class HeartbeatKeyView(APIView):
    """The heartbeat that a server is to send, and its key."""

    permissions = {
        "GET": "servers.view_heartbeat",
        "POST": "servers.add_heartbeat",
        "PATCH": "servers.change_heartbeat",
        "DELETE": "servers.delete_heartbeat",
    }

    @extend_schema(responses=HeartbeatSerializer)
    def get(self, request: Request, name: str) -> Response:
        """Show how often a server's heartbeat is expected, and what was heard last."""
        return Response(HeartbeatSerializer(_beat(name)).data)

    @extend_schema(request=HeartbeatSerializer, responses={(200, 201): NewHeartbeatSerializer})
    def post(self, request: Request, name: str) -> Response:
        """Make a server's heartbeat, or a new key for it. The old key is good for another day."""
        server = get_object_or_404(Server, name=name)
        form = HeartbeatSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        beat, key, made = heartbeats.give_key(
            server=server, values=form.validated_data, now=agreed()
        )
        shown = NewHeartbeatSerializer(beat, context={"key": key})
        return Response(shown.data, status=201 if made else 200)

    @extend_schema(request=HeartbeatSerializer, responses=HeartbeatSerializer)
    def patch(self, request: Request, name: str) -> Response:
        """Change how often a heartbeat is expected, or whether it is watched."""
        beat = _beat(name)
        form = HeartbeatSerializer(beat, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        beat = heartbeats.change_heartbeat(beat=beat, values=form.validated_data, now=agreed())
        return Response(HeartbeatSerializer(beat).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Expect no heartbeat of this server any more. Its key ends."""
        heartbeats.delete_heartbeat(beat=_beat(name), now=agreed())
        return Response(status=204)


def _beat(name: str) -> Heartbeat:
    return get_object_or_404(Heartbeat.objects.select_related("server"), server__name=name)


class CheckFilter(filters.FilterSet):
    server = filters.CharFilter(field_name="server__name", label="Name")
    kind = filters.ChoiceFilter(choices=CheckKind.choices)
    outcome = filters.ChoiceFilter(choices=Outcome.choices)
    verdict = filters.ChoiceFilter(choices=Outcome.choices)
    enabled = filters.BooleanFilter()

    class Meta:
        model = Check
        fields: list[str] = []


class CheckViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Check]
):
    """What workers look at, again and again: connections, answers, certificates."""

    queryset = Check.objects.select_related("server")
    serializer_class = CheckSerializer
    pagination_class = HistoryCursor
    filterset_class = CheckFilter
    lookup_value_regex = r"\d{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permissions = {
        "GET": "servers.view_check",
        "POST": "servers.add_check",
        "PATCH": "servers.change_check",
        "DELETE": "servers.delete_check",
        "run": "servers.operate_server",
    }

    @extend_schema(request=CheckSerializer, responses={201: CheckSerializer})
    def create(self, request: Request) -> Response:
        """Make a check. Workers make it for the first time within seconds."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        check = checks.create_check(values=form.validated_data, now=agreed())
        return Response(CheckSerializer(check).data, status=201)

    @extend_schema(request=CheckSerializer, responses=CheckSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a check. Another target begins anew; the server stays the same."""
        check = self.get_object()
        form = self.get_serializer(check, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        check = checks.change_check(check=check, values=form.validated_data, now=agreed())
        return Response(CheckSerializer(check).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a check with its results."""
        checks.delete_check(check=self.get_object(), now=agreed())
        return Response(status=204)

    @extend_schema(request=None, responses=TriedSerializer)
    @action(detail=True, methods=["POST"], filterset_class=None)
    def run(self, request: Request, pk: str) -> Response:
        """Look at the target now, and only tell: nothing is written, no state changes."""
        [(outcome, reason, seen)] = checking.try_checks(checks=[self.get_object()])
        return Response(
            TriedSerializer({**asdict(seen), "outcome": outcome, "reason": reason}).data
        )

    @extend_schema(responses=CheckResultSerializer(many=True))
    @action(
        detail=True,
        pagination_class=NewestCursor,
        filterset_class=None,
        serializer_class=CheckResultSerializer,
    )
    def results(self, request: Request, pk: str) -> Response:
        """List the last results of a check, newest first."""
        rows: Any = CheckResult.objects.filter(check_of=self.get_object())
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(CheckResultSerializer(page, many=True).data)
