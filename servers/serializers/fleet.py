"""Servers, what happened to them, and the simulation, as the API shows them."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from servers.models import Server, ServerEvent, Simulation
from servers.models.server import check_name

LATEST_EVENTS: Final = 20
#: Everything may stand on a switch.
MOST_DEPENDENTS: Final = 100


class ServerSerializer(serializers.ModelSerializer[Server]):
    class Meta:
        model = Server
        fields: tuple[str, ...] = (
            *("name", "role", "region", "host_group", "environment", "kind"),
            *("state", "state_since", "reason"),
        )
        read_only_fields: tuple[str, ...] = fields


class ServerEventSerializer(serializers.ModelSerializer[ServerEvent]):
    class Meta:
        model = ServerEvent
        fields = ("id", "old", "new", "at", "cause", "actor", "reason")
        read_only_fields = fields


class NeighbourSerializer(serializers.ModelSerializer[Server]):
    class Meta:
        model = Server
        fields = ("name", "state")
        read_only_fields = fields


class ServerDetailSerializer(ServerSerializer):
    depends_on = NeighbourSerializer(many=True, read_only=True)
    dependents = serializers.SerializerMethodField(
        help_text=f"The first {MOST_DEPENDENTS} of those that need it, by name"
    )
    dependents_count = serializers.SerializerMethodField(help_text="How many need it")
    events = serializers.SerializerMethodField(help_text=f"The latest {LATEST_EVENTS}")
    ticket = serializers.SerializerMethodField(
        help_text="The ticket of its open incident, if the asker may see it"
    )

    class Meta(ServerSerializer.Meta):
        fields = (
            *(*ServerSerializer.Meta.fields, "ticket", "depends_on", "dependents"),
            *("dependents_count", "events"),
        )
        read_only_fields = fields

    @extend_schema_field(NeighbourSerializer(many=True))
    def get_dependents(self, server: Server) -> Any:
        first = server.dependents.order_by("name")[:MOST_DEPENDENTS]
        return NeighbourSerializer(first, many=True).data

    def get_dependents_count(self, server: Server) -> int:
        return server.dependents.count()

    def get_events(self, server: Server) -> list[dict[str, Any]]:
        latest = server.events.order_by("-id")[:LATEST_EVENTS]
        return list(ServerEventSerializer(latest, many=True).data)

    def get_ticket(self, server: Server) -> int | None:
        return server.open_ticket(self.context["request"].user)


class ChangeSerializer(serializers.ModelSerializer[Server]):
    """What people may change about a server."""

    depends_on = serializers.ListField(
        child=serializers.CharField(max_length=120),
        required=False,
        max_length=100,
        help_text="Names of the servers that it needs",
    )

    class Meta:
        model = Server
        fields: tuple[str, ...] = (
            *("role", "region", "host_group", "environment", "kind", "depends_on"),
        )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if self.partial and "name" in self.initial_data:
            raise serializers.ValidationError(
                {"name": ["The name of a server stays: its tickets know it by it."]}
            )
        return data


class NewServerSerializer(ChangeSerializer):
    name = serializers.CharField(max_length=120, validators=[check_name])

    class Meta(ChangeSerializer.Meta):
        fields = ("name", *ChangeSerializer.Meta.fields)


class CountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    states = serializers.DictField(
        child=serializers.IntegerField(), help_text="State -> how many; only those that there are"
    )


class HostGroupSerializer(CountsSerializer):
    host_group = serializers.CharField()


class RegionSerializer(CountsSerializer):
    region = serializers.CharField()
    host_groups = HostGroupSerializer(many=True)


class SummarySerializer(CountsSerializer):
    regions = RegionSerializer(many=True)


class SimulationSerializer(serializers.ModelSerializer[Simulation]):
    class Meta:
        model = Simulation
        fields = ("seed", "intensity", "paused", "until")
        read_only_fields = ("until",)
