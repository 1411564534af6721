"""What the API shows, and the small requests. Intake of tickets is checked by `tickets.intake`."""

from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from tickets.lifecycle import MOVES, Status, parse_status
from tickets.models import (
    Attachment,
    Category,
    Comment,
    Department,
    SupportGroup,
    Ticket,
    TicketEvent,
)


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    category = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    classification = serializers.SlugRelatedField(
        source="category", slug_field="slug", read_only=True, help_text="The same as category"
    )
    department = serializers.SlugRelatedField(slug_field="name", read_only=True)
    group = serializers.SlugRelatedField(slug_field="name", read_only=True)
    assignee = serializers.SlugRelatedField(slug_field="username", read_only=True)
    sla_state = serializers.SerializerMethodField(
        help_text="ok, warning, breached, paused, or none: nothing is promised or due any more"
    )
    priority_locked = serializers.BooleanField(read_only=True)
    merged_into = serializers.IntegerField(
        source="merged_into_id",
        read_only=True,
        help_text="The ticket that goes on in its place; null unless it was merged",
    )
    parent = serializers.IntegerField(
        source="parent_id",
        read_only=True,
        help_text="The ticket that is worked on for this one, too; null unless it is attached",
    )

    class Meta:
        model = Ticket
        fields = (
            *("id", "source", "external_id", "owner_id", "title", "description"),
            *("requester_name", "requester_email", "customer_tier", "tags", "server"),
            *("status", "impact", "urgency", "priority", "priority_locked", "locked_fields"),
            *("category", "classification", "department", "group", "assignee"),
            *("triage_status", "confidence", "opened_at", "first_response_at", "resolved_at"),
            *("closed_at", "sla_state", "due_at", "escalation_level"),
            *("merged_into", "parent", "created_at", "updated_at", "version"),
        )
        read_only_fields = fields

    def get_sla_state(self, ticket: Ticket) -> str:
        return ticket.sla_state(timezone.now()).value


_SHOWN = TicketSerializer()


def show(ticket: Ticket) -> dict[str, Any]:
    """The ticket as the API shows it. One serializer for all: building its fields costs more than using them."""
    return _SHOWN.to_representation(ticket)


#: So many names an error lists.
_NAMED: Final = 10


class NameField(serializers.SlugRelatedField[Any]):
    """A row by its name or slug."""

    def __init__(self, slug_field: str = "name", **kwargs: Any) -> None:
        super().__init__(slug_field=slug_field, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or "\0" in data:
            self.fail("invalid")
        rows: Any = self.get_queryset()
        field = self.slug_field
        if (row := rows.filter(**{field: data}).first()) is not None:
            return row
        known = list(rows.order_by(field).values_list(field, flat=True)[: _NAMED + 1])
        listed = ", ".join(known[:_NAMED]) + (", …" if len(known) > _NAMED else "")
        kind = rows.model._meta.verbose_name
        raise serializers.ValidationError(
            f"There is no {kind} {data[:80]!r}. Known: {listed or 'none'}."
        )


class EventSerializer(serializers.ModelSerializer[TicketEvent]):
    ticket = serializers.IntegerField(
        source="ticket_id", read_only=True, help_text="It, or one that was merged into it"
    )

    class Meta:
        model = TicketEvent
        fields = ("id", "ticket", "kind", "changes", "actor", "reason", "request_id", "at")
        read_only_fields = fields


class CommentSerializer(serializers.ModelSerializer[Comment]):
    body = serializers.CharField(max_length=20_000)
    public = serializers.BooleanField(default=True)
    from_requester = serializers.BooleanField(
        default=False, help_text="The requester said it; reopens a ticket on hold or resolved"
    )

    class Meta:
        model = Comment
        fields = ("id", "body", "public", "from_requester", "author", "created_at")
        read_only_fields = ("id", "author", "created_at")


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    sha256 = serializers.CharField(source="content_id", read_only=True)

    class Meta:
        model = Attachment
        fields = (
            *("id", "comment", "name", "content_type", "size", "sha256"),
            *("uploaded_by", "created_at"),
        )
        read_only_fields = fields


class NewFilesSerializer(serializers.Serializer[Any]):
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True, use_url=False),
        max_length=100,
        help_text="One or more fields of this name",
    )
    comment = serializers.IntegerField(
        required=False,
        default=None,
        min_value=1,
        max_value=2**63 - 1,
        help_text="What they belong to",
    )

    def validate_comment(self, pk: int | None) -> Comment | None:
        if pk is None:
            return None
        comment: Comment | None = self.context["comments"].filter(pk=pk).first()
        if comment is None:
            raise serializers.ValidationError("The ticket has no such comment.")
        return comment


class StatusField(serializers.CharField):
    def to_internal_value(self, data: Any) -> Status:
        try:
            return parse_status(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class MoveSerializer(serializers.Serializer[Any]):
    status = StatusField(help_text=f"One of: {', '.join(Status.values)}, or pending")
    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class RouteSerializer(serializers.Serializer[Any]):
    department = serializers.CharField(max_length=80)
    group = serializers.CharField(max_length=80, required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    confidence_score = serializers.FloatField(
        required=False,
        default=100.0,
        min_value=0,
        max_value=100,
        help_text="Percent; 100 for a person's word",
    )


class NewRouteSerializer(RouteSerializer):
    ticket_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class DepartmentSerializer(serializers.ModelSerializer[Department]):
    groups = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    open_tickets = serializers.IntegerField(
        read_only=True, help_text="Not resolved, closed or cancelled"
    )

    class Meta:
        model = Department
        fields = ("id", "name", "description", "restricted", "groups", "open_tickets")


class GroupSerializer(serializers.ModelSerializer[SupportGroup]):
    department = serializers.SlugRelatedField(slug_field="name", read_only=True)

    class Meta:
        model = SupportGroup
        fields = ("id", "name", "description", "department")


class CategorySerializer(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ("slug", "name", "description", "aliases")


class StatusesSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    category = serializers.CharField(help_text="open, paused or resolved: what it means to a clock")
    moves = serializers.ListField(child=serializers.CharField())


def all_moves() -> dict[str, list[str]]:
    return {status.value: [move.value for move in MOVES[status]] for status in Status}


class RoutingStepSerializer(serializers.Serializer[Any]):
    from_department = serializers.CharField(allow_null=True)
    department = serializers.CharField(allow_null=True)
    group = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    rerouted = serializers.BooleanField()
    by = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class RoutingHistorySerializer(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField()
    count = serializers.IntegerField()
    history = RoutingStepSerializer(many=True)


class RoutingStatisticsSerializer(serializers.Serializer[Any]):
    total_routings = serializers.IntegerField()
    department_distribution = serializers.DictField(child=serializers.IntegerField())
    department_percentages = serializers.DictField(child=serializers.FloatField())
    average_confidence_by_department = serializers.DictField(
        child=serializers.FloatField(allow_null=True)
    )
    overall_average_confidence = serializers.FloatField(allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "The same matter", {"into": 4711, "reason": "The same outage."}, request_only=True
        )
    ]
)
class MergeSerializer(serializers.Serializer[Any]):
    into = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The ticket that goes on for both"
    )
    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class ChildSerializer(serializers.ModelSerializer[Ticket]):
    on_resolve = serializers.SerializerMethodField(
        help_text="resolves or stays: what resolving the parent would do to it"
    )
    why = serializers.SerializerMethodField(help_text="Why it would stay")

    class Meta:
        model = Ticket
        fields = ("id", "title", "status", "priority", "server", "on_resolve", "why")
        read_only_fields = fields

    def get_on_resolve(self, ticket: Ticket) -> str:
        return "stays" if ticket.has_ended else "resolves"

    def get_why(self, ticket: Ticket) -> str:
        return f"It is {ticket.status} already." if ticket.has_ended else ""


class _ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample("One outage", {"to": 4711, "reason": "The same outage."}, request_only=True)
    ]
)
class AttachSerializer(_ReasonSerializer):
    to = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The ticket that is worked on for both"
    )


class DetachSerializer(_ReasonSerializer):
    pass


class AttachAllSerializer(_ReasonSerializer):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=1000,
        help_text="The tickets that shall be attached to this one",
    )
