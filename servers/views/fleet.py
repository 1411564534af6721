"""`servers/`: the fleet, what happened to it, what people do with it, and its simulation."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from servers.filters import ServerFilter
from servers.lifecycle import Action
from servers.models import Server
from servers.serializers.fleet import (
    ChangeSerializer,
    NewServerSerializer,
    ServerDetailSerializer,
    ServerEventSerializer,
    ServerSerializer,
    SimulationSerializer,
    SummarySerializer,
)
from servers.services import fleet, removing, simulation
from servers.summary import summary
from tickets.pagination import HistoryCursor, NewestCursor


class ServerCursor(HistoryCursor):
    ordering = "name"


class ServerViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    viewsets.GenericViewSet[Server],
):
    """Servers, by name."""

    queryset = Server.objects.all()
    serializer_class = ServerSerializer
    pagination_class: Any = ServerCursor
    filterset_class: Any = ServerFilter
    lookup_field = "name"
    lookup_value_regex = r"[^/\x00]+"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permissions: dict[str, str] = {
        "GET": "servers.view_server",
        "POST": "servers.add_server",
        "PATCH": "servers.change_server",
        "DELETE": "servers.delete_server",
        "events": "servers.view_serverevent",
        **{word.value: "servers.operate_server" for word in Action},
    }

    @extend_schema(responses=ServerDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A server with what it needs, what needs it, its latest events and the ticket of its open incident."""
        return self._one(self.get_object())

    @extend_schema(request=NewServerSerializer, responses={201: ServerSerializer(many=True)})
    def create(self, request: Request) -> Response:
        """Make a server, or a list of them, all or none. They are stopped; links may lead to each other."""
        many = isinstance(request.data, list)
        if many and len(request.data) > settings.MAX_BATCH_ITEMS:
            raise exceptions.ValidationError(
                {"non_field_errors": [f"Send at most {settings.MAX_BATCH_ITEMS:,} at once."]}
            )
        form = NewServerSerializer(data=request.data if many else [request.data], many=True)
        if not form.is_valid():
            raise exceptions.ValidationError(form.errors if many else form.errors[0])
        servers = fleet.create_servers(values=form.validated_data)
        shown: Any = ServerSerializer(servers, many=True).data
        return Response(shown if many else shown[0], status=201)

    @extend_schema(request=ChangeSerializer, responses=ServerDetailSerializer)
    def partial_update(self, request: Request, name: str) -> Response:
        """Change what is given. `depends_on` replaces the links; the name stays."""
        server = self.get_object()
        form = ChangeSerializer(server, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        [server] = fleet.change_servers(ids=[server.pk], values=form.validated_data)
        return self._one(server)

    def perform_destroy(self, instance: Server) -> None:
        actor = self.request.user.get_username()
        removing.delete_servers(ids=[instance.pk], actor=actor, now=timezone.now())

    @extend_schema(responses=ServerEventSerializer(many=True))
    @action(detail=True, pagination_class=NewestCursor, filterset_class=None)
    def events(self, request: Request, name: str) -> Response:
        """Every change of its state, newest first."""
        events: Any = self.get_object().events.all()
        page: Any = self.paginate_queryset(events)
        return self.get_paginated_response(ServerEventSerializer(page, many=True).data)

    @extend_schema(request=None, responses=ServerDetailSerializer)
    @action(detail=True, methods=["POST"])
    def start(self, request: Request, name: str) -> Response:
        """Boot a server that is stopped or failed."""
        return self._act(Action.START)

    @extend_schema(request=None, responses=ServerDetailSerializer)
    @action(detail=True, methods=["POST"])
    def stop(self, request: Request, name: str) -> Response:
        """Stop a server. Nothing is expected of it until it is started."""
        return self._act(Action.STOP)

    @extend_schema(request=None, responses=ServerDetailSerializer)
    @action(detail=True, methods=["POST"])
    def fail(self, request: Request, name: str) -> Response:
        """Say that a server failed."""
        return self._act(Action.FAIL)

    @extend_schema(request=None, responses=ServerDetailSerializer)
    @action(detail=True, methods=["POST"])
    def recover(self, request: Request, name: str) -> Response:
        """Say that a failed or degraded server is well again."""
        return self._act(Action.RECOVER)

    def _act(self, what: Action) -> Response:
        server = self.get_object()
        actor = self.request.user.get_username()
        fleet.act_on(ids=[server.pk], action=what, actor=actor, now=timezone.now())
        server.refresh_from_db()
        return self._one(server)

    def _one(self, server: Server) -> Response:
        return Response(ServerDetailSerializer(server, context={"request": self.request}).data)


class SummaryView(APIView):
    permissions = {"GET": "servers.view_server"}

    @extend_schema(responses=SummarySerializer)
    def get(self, request: Request) -> Response:
        """How many servers of each state there are: in all, by region, by host group."""
        return Response(summary(Server.objects.counts()))


class SimulationView(APIView):
    permissions = {"GET": "servers.view_simulation", "PATCH": "servers.change_simulation"}

    @extend_schema(responses=SimulationSerializer)
    def get(self, request: Request) -> Response:
        """How far the simulated servers are, and what their changes follow from."""
        return Response(SimulationSerializer(simulation.current(now=timezone.now())).data)

    @extend_schema(request=SimulationSerializer, responses=SimulationSerializer)
    def patch(self, request: Request) -> Response:
        """Pause or resume, or go on with another seed or intensity."""
        form = SimulationSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = simulation.change_simulation(values=form.validated_data, now=timezone.now())
        return Response(SimulationSerializer(changed).data)
